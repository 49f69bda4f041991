// Which operations a page may ask for, and the shape of their parameters: what comes from a browser is checked before it runs.
import { DeskPodError } from '../../core/errors.ts';
import type { OperationName } from '../operation/operations.ts';
import type { StreamName } from '../operation/stream-operations.ts';
import type { PageOperations, PageStreams } from './contract.ts';

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

/** One operation of a page. */
export interface PageOperation {
  /** Fields that may be there, with their checks. */
  readonly shape: Shape;
  /** Fields that must be. */
  readonly needs: readonly string[];
  /** It changes nothing, and waits for nothing. */
  readonly isReading: boolean;
  /** What is always so when a page asks. */
  readonly fixed?: Readonly<Record<string, unknown>>;
}

const TEXT_MAX = 8192;

const text: Check = (value) => typeof value === 'string' && value.length <= TEXT_MAX;
const flag: Check = (value) => typeof value === 'boolean';
const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const share: Check = (value) => Number.isFinite(value) && Number(value) > 0 && Number(value) <= 1;
const checkpoint: Check = (value) => value === 'latest' || (Number.isSafeInteger(value) && Number(value) > 0);
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(String(value)) && typeof value === 'string';
const place: Check = (value) => isRecord(value) && fits(value, { path: text, pathBase64: text }, ['path']);
const policy: Check = (value) => isRecord(value) && Object.values(value).every(count);
const maxUnused: Check = (value) =>
  isRecord(value) && Object.values(value).every((each) => Number.isFinite(each) && Number(each) >= 0);

function reading(shape: Shape, needs: readonly string[] = []): PageOperation {
  return { shape, needs, isReading: true };
}

function working(
  shape: Shape,
  needs: readonly string[] = [],
  fixed: PageOperation['fixed'] = {},
): PageOperation {
  return { shape, needs, isReading: false, fixed };
}

/** The operations with one answer. What could give something up, erase it or lead elsewhere is not among them. */
export const PAGE_OPERATIONS: { readonly [Name in keyof PageOperations]: PageOperation } = {
  status: reading({}),
  log: reading({ since: count, until: count }, ['since']),
  timeline: reading({}),
  checkpoints: reading({ policy }),
  checkpoint: working({ acceptsChanges: flag }),
  suspend: working({}),
  view: working({}),
  screenshot: working({}),
  'home-list': reading({}),
  sync: working({ url: text, homePassword: text }),
  branches: working({}),
  verify: working(
    { depth: oneOf('structure', 'data'), share, forMs: count, home: text, isHealing: flag },
    ['depth', 'isHealing'],
    { isGivingUp: false },
  ),
  prune: working({ policy, maxUnused }, ['policy', 'maxUnused'], { isDryRun: true }),
};

/** The operations that hand over piece by piece. */
export const PAGE_STREAMS: { readonly [Name in keyof PageStreams]: PageOperation } = {
  ls: reading({ checkpoint, at: place, isRecursive: flag }, ['checkpoint', 'at', 'isRecursive']),
  find: reading({ pattern: text, checkpoint: (value) => value === 'all' || checkpoint(value) }, [
    'pattern',
    'checkpoint',
  ]),
  diff: reading({ before: checkpoint, after: checkpoint, at: place }, ['before', 'after', 'at']),
  why: reading({ at: place }, ['at']),
  picture: reading({ number: checkpoint }, ['number']),
  cat: reading({ checkpoint, at: place }, ['checkpoint', 'at']),
};

/** What a page asked for, as an operation takes it. */
export type PageRequest =
  | {
      readonly kind: 'operation';
      readonly name: OperationName;
      readonly parameters: never;
      readonly isReading: boolean;
    }
  | {
      readonly kind: 'stream';
      readonly name: StreamName;
      readonly parameters: never;
      readonly isReading: true;
    };

/**
 * Checks what a page asks for.
 * @returns undefined if there is no such operation for pages
 * @throws DeskPodError USAGE naming the parameter that does not fit
 */
export function pageRequest(name: string, parameters: unknown): PageRequest | undefined {
  const operation = own(PAGE_OPERATIONS, name);
  if (operation !== undefined) {
    const { isReading } = operation;
    return {
      kind: 'operation',
      name: name as OperationName,
      parameters: checked(name, operation, parameters),
      isReading,
    };
  }
  const stream = own(PAGE_STREAMS, name);
  if (stream === undefined) return undefined;
  return {
    kind: 'stream',
    name: name as StreamName,
    parameters: checked(name, stream, parameters),
    isReading: true,
  };
}

function own(table: Readonly<Record<string, PageOperation>>, name: string): PageOperation | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function checked(name: string, { shape, needs, fixed }: PageOperation, parameters: unknown): never {
  if (!isRecord(parameters)) throw wrong(name, 'expected an object');
  for (const need of needs)
    if (!Object.hasOwn(parameters, need)) throw wrong(name, `expected the parameter ${need}, got none`);
  for (const [field, value] of Object.entries(parameters)) {
    const check = Object.hasOwn(shape, field) ? shape[field] : undefined;
    if (check === undefined) throw wrong(name, `it takes no parameter ${field.slice(0, 100)} from a page`);
    if (!check(value)) throw wrong(name, `its parameter ${field} has a value that it does not take`);
  }
  return { ...parameters, ...fixed } as never;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fits(value: Readonly<Record<string, unknown>>, shape: Shape, needs: readonly string[]): boolean {
  return (
    needs.every((need) => Object.hasOwn(value, need)) &&
    Object.entries(value).every(
      ([field, each]) => Object.hasOwn(shape, field) && shape[field]?.(each) === true,
    )
  );
}

function wrong(name: string, what: string): DeskPodError {
  return new DeskPodError('USAGE', `${name}: ${what}`, {
    hint: 'docs/API.md lists the parameters of each operation.',
    details: { operation: name },
  });
}
