// The settings of a dock: what its file says, and what the command line says instead.
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { DeskPodError, isDeskPodError } from '../core/errors.ts';
import { type RetentionPolicy, requirePolicy } from '../core/retention.ts';
import type { UpkeepPlan } from '../core/upkeep.ts';
import { OTHER_BACKUPS, type OtherBackup } from '../session/dock/find-circumstances.ts';
import { HOME_IDENTITY_FILE } from '../sync/dock/home-identity.ts';
import { JOURNAL_FILE } from '../sync/dock/journal.ts';
import { isSystemError } from '../sync/repository/durable-file.ts';
import { storageError } from '../sync/storage-failure.ts';
import { DRILL_SCRATCH } from './drill-place.ts';
import { parseDuration, parseShare } from './units.ts';

/** Where the settings lie unless the command line says otherwise. */
export const DOCK_FILE = '/etc/deskpod/dock.json';

/** All that a dock goes by. */
export interface DockFile {
  readonly home?: string;
  readonly watch: readonly string[];
  readonly identity: string;
  readonly journal: string;
  readonly scratch: string;
  readonly keep: RetentionPolicy;
  readonly plan: UpkeepPlan;
  readonly checkShare: number;
  /** The pods whose sessions drills resume: all that this home may read, or those with these ids. */
  readonly drillSession: boolean | readonly string[];
  readonly repeatMs: number;
  readonly batteryLimit: number;
  readonly otherBackups: readonly OtherBackup[];
}

const DAY_MS = 86_400_000;
const DEFAULTS: DockFile = {
  watch: [],
  identity: HOME_IDENTITY_FILE,
  journal: JOURNAL_FILE,
  scratch: DRILL_SCRATCH,
  keep: {},
  // all of home within three weeks; drills cost the room and time of a restore
  plan: { check: { everyMs: DAY_MS }, drill: { everyMs: 30 * DAY_MS } },
  checkShare: 0.05,
  // whoever may sync here can let this home read a pod of his, whose processes root would then resume
  drillSession: false,
  repeatMs: 3_600_000,
  batteryLimit: 0.2,
  otherBackups: OTHER_BACKUPS,
};

const COUNTS = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;

/**
 * The settings in a file.
 * @param mustExist false for the file where they lie if nobody says so
 * @throws DeskPodError USAGE, naming the setting that makes no sense
 */
export async function readDockFile(path: string, mustExist: boolean): Promise<DockFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') && !mustExist) return DEFAULTS;
    if (!isSystemError(error, 'ENOENT')) throw storageError(error, path);
    throw new DeskPodError('USAGE', `${path}: expected the settings of a dock, got no file`);
  }
  return parseSettings(text, path);
}

function parseSettings(text: string, path: string): DockFile {
  const fail = (name: string, expected: string): DeskPodError =>
    new DeskPodError('USAGE', `${path}: ${name}: expected ${expected}, got something else`, {
      hint: 'README.md, "At home", shows the settings.',
      details: { path, name },
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DeskPodError('USAGE', `${path}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw fail('settings', 'a JSON object');
  const { keep, drillSession, otherBackups, watch, ...words } = json as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(words).find((name) => !WORDS.has(name));
  if (unknown !== undefined)
    throw fail(unknown, `one of ${[...WORDS, 'watch', 'keep', 'drillSession', 'otherBackups'].join(', ')}`);
  const wrong = Object.keys(words).find((name) => typeof words[name] !== 'string');
  if (wrong !== undefined) throw fail(wrong, 'text');
  const { home, identity, journal, scratch, pruneEvery } = words as Readonly<
    Record<string, string | undefined>
  >;
  for (const [name, place] of Object.entries({ home, identity, journal, scratch }))
    if (place !== undefined && !isAbsolute(place)) throw fail(name, 'an absolute path');
  if (watch !== undefined && !isTexts(watch)) throw fail('watch', 'a list of folders');
  if (drillSession !== undefined && typeof drillSession !== 'boolean' && !isPodIds(drillSession))
    throw fail('drillSession', 'true, false, or a list of ids of pods, 32 hexadecimal digits each');
  if (otherBackups !== undefined && !isBackups(otherBackups))
    throw fail('otherBackups', 'a list of {"name", "program"} or {"name", "lockFile"}');
  const policy =
    keep === undefined
      ? undefined
      : inSetting('keep', path, () =>
          policyIn(keep, () => fail('keep', 'numbers to keep, such as {"daily": 7}')),
        );
  if (pruneEvery !== undefined && policy === undefined)
    throw fail('pruneEvery', 'what to keep beside it, in "keep": without that nothing is pruned');
  const take = <Value>(name: string, parse: (text: string) => Value, otherwise: Value): Value => {
    const word = words[name];
    return typeof word === 'string' ? inSetting(name, path, () => parse(word)) : otherwise;
  };
  return {
    ...DEFAULTS,
    ...(home === undefined ? {} : { home }),
    ...(identity === undefined ? {} : { identity }),
    ...(journal === undefined ? {} : { journal }),
    ...(scratch === undefined ? {} : { scratch }),
    ...(watch === undefined ? {} : { watch }),
    ...(policy === undefined ? {} : { keep: policy }),
    ...(drillSession === undefined ? {} : { drillSession }),
    ...(otherBackups === undefined ? {} : { otherBackups }),
    checkShare: take('checkShare', parseShare, DEFAULTS.checkShare),
    repeatMs: take('repeatEvery', parseDuration, DEFAULTS.repeatMs),
    batteryLimit: take('batteryLimit', parseShare, DEFAULTS.batteryLimit),
    plan: {
      ...(policy === undefined ? {} : { prune: { everyMs: take('pruneEvery', parseDuration, DAY_MS) } }),
      ...take('checkEvery', (text) => everyOf('check', text), everyOf('check')),
      ...take('drillEvery', (text) => everyOf('drill', text), everyOf('drill')),
    },
  };
}

/** What cannot be taken says where it stands. */
function inSetting<Value>(name: string, path: string, take: () => Value): Value {
  try {
    return take();
  } catch (cause) {
    if (!isDeskPodError(cause, 'USAGE') || cause.details.name !== undefined) throw cause;
    const { message, hint } = cause;
    throw new DeskPodError('USAGE', `${path}: ${name}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      details: { path, name },
      cause,
    });
  }
}

const WORDS: ReadonlySet<string> = new Set([
  ...['home', 'identity', 'journal', 'scratch', 'pruneEvery', 'checkEvery', 'checkShare', 'drillEvery'],
  ...['repeatEvery', 'batteryLimit'],
]);

/** `never` leaves it undone. */
function everyOf(kind: 'check' | 'drill', text?: string): UpkeepPlan {
  if (text === 'never') return {};
  const every = text === undefined ? DEFAULTS.plan[kind] : { everyMs: parseDuration(text) };
  return every === undefined ? {} : { [kind]: every };
}

function policyIn(keep: unknown, fail: () => DeskPodError): RetentionPolicy {
  if (typeof keep !== 'object' || keep === null) throw fail();
  const { within, ...counts } = keep as Readonly<Record<string, unknown>>;
  if (Object.keys(counts).some((name) => !(COUNTS as readonly string[]).includes(name))) throw fail();
  if (within !== undefined && typeof within !== 'string') throw fail();
  const policy = { ...counts, ...(within === undefined ? {} : { withinMs: parseDuration(within) }) };
  requirePolicy(policy as RetentionPolicy);
  return policy as RetentionPolicy;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string' && isAbsolute(each));
}

function isPodIds(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.every((each) => typeof each === 'string' && /^[0-9a-f]{32}$/.test(each))
  );
}

function isBackups(value: unknown): value is readonly OtherBackup[] {
  return (
    Array.isArray(value) &&
    value.every((each: unknown) => {
      if (typeof each !== 'object' || each === null) return false;
      const { name, program, lockFile } = each as Readonly<Record<string, unknown>>;
      return typeof name === 'string' && (typeof program === 'string' || typeof lockFile === 'string');
    })
  );
}
