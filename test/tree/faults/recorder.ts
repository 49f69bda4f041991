// Records what a real command, and every program that it starts, changes in a folder: each call in its order.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Ended, Program } from '../program.ts';
import { bytesOf, pathOf, readCalls, type TracedCall, textOf } from './strace-calls.ts';

/** One call that changes something below the folder, or makes changes durable. Paths are relative to it. */
export type Change = {
  /** How many changes had ended when this one began. */
  readonly endedBefore: number;
} & (
  | { readonly kind: 'open'; readonly path: string; readonly creates: boolean; readonly truncates: boolean }
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'resize'; readonly path: string; readonly length: number }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'sync'; readonly path: string }
  /** Of the file system that holds `path`. */
  | { readonly kind: 'syncfs'; readonly path: string }
);

/** A call that the recorder would have to understand, and does not. */
const FORBIDDEN = [
  'pwritev',
  'pwritev2',
  'copy_file_range',
  'sendfile',
  'fallocate',
  'sync',
  'sync_file_range',
  'splice',
  'mknod',
  'renameat2',
];
const TRACED = [
  ...['open', 'openat', 'creat', 'write', 'pwrite64', 'writev', 'lseek', 'ftruncate', 'truncate'],
  ...[
    'rename',
    'renameat',
    'link',
    'linkat',
    'symlink',
    'symlinkat',
    'unlink',
    'unlinkat',
    'rmdir',
    'mkdir',
    'mkdirat',
  ],
  ...['fsync', 'fdatasync', 'syncfs', 'chdir', 'fchdir', 'clone', 'clone3', 'fork', 'vfork'],
  ...FORBIDDEN,
];
/** Longer than any string that a call of a test writes. */
const STRING_MAX_BYTES = 64 * 1024 * 1024;

/** What a command did. */
export interface Recording {
  readonly ended: Ended;
  readonly changes: readonly Change[];
}

/** Runs a command of `program` and records what it changes below `root`. */
export async function record(program: Program, args: readonly string[], root: string): Promise<Recording> {
  const folder = await mkdtemp(`${root}-trace-`);
  try {
    const file = join(folder, 'trace');
    const through = ['strace', '-f', '--seccomp-bpf', '-y', '-xx', `-s${STRING_MAX_BYTES}`, '-o', file];
    const traced = program.with({ through: [...through, '-e', `trace=${TRACED.join(',')}`] });
    const ended = await traced.run(['--json', ...args]);
    const changes = changesOf(readCalls(await readFile(file, 'latin1')), root);
    assert.ok(changes.length > 0, `deskpod ${args.join(' ')} changed nothing: ${ended.stderr}`);
    return { ended, changes };
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Kinds = Change extends infer Each ? (Each extends Change ? Omit<Each, 'endedBefore'> : never) : never;

function changesOf(calls: readonly TracedCall[], root: string): Change[] {
  const translator = new Translator(calls, root);
  const changes: Change[] = [];
  /** How many changes had ended after so many calls. */
  const changesAfter: number[] = [0];
  for (const call of calls) {
    const change = call.result < 0 ? undefined : translator.translate(call);
    if (change !== undefined)
      changes.push({ ...change, endedBefore: changesAfter[call.endedBefore] ?? 0 } as Change);
    changesAfter.push(changes.length);
  }
  return changes;
}

class Translator {
  readonly #root: string;
  readonly #parents: ReadonlyMap<number, number>;
  /** The folders in which processes work, where they have changed it. */
  readonly #folders = new Map<number, string>();
  /** Where the next `write` to a file goes. */
  readonly #positions = new Map<string, number>();

  constructor(calls: readonly TracedCall[], root: string) {
    this.#root = root;
    const clones = calls.filter(({ name, result }) => /^(clone3?|v?fork)$/.test(name) && result > 0);
    this.#parents = new Map(clones.map(({ pid, result }) => [result, pid]));
  }

  translate(call: TracedCall): Kinds | undefined {
    const { name, args, pid } = call;
    const [first = '', second = '', third = ''] = args;
    const at = (folder: string, path: string): string | undefined =>
      this.#below(resolve(pathOf(folder) ?? this.#folderOf(pid), textOf(path)));
    const plain = (path: string): string | undefined => at('', path);
    const one = (path: string | undefined, make: (path: string) => Kinds) =>
      path === undefined ? undefined : make(path);
    const pair = (path: string | undefined, to: string | undefined, kind: 'rename' | 'link') => {
      if (path === undefined && to === undefined) return undefined;
      if (path !== undefined && to !== undefined) return { kind, path, to };
      throw new Error(`${name} between ${path} and ${to}: one lies outside of what is recorded`);
    };
    switch (name) {
      case 'chdir':
        this.#folders.set(pid, resolve(this.#folderOf(pid), textOf(first)));
        return undefined;
      case 'fchdir':
        this.#folders.set(pid, pathOf(first) ?? '/');
        return undefined;
      case 'openat':
      case 'open':
      case 'creat':
        return this.#open(call);
      case 'write':
      case 'writev':
      case 'pwrite64':
        return this.#write(call);
      case 'lseek':
        return one(this.#file(first), (path) => {
          this.#positions.set(path, call.result);
          return undefined as never;
        });
      case 'ftruncate':
        return one(this.#file(first), (path) => ({ kind: 'resize', path, length: Number(second) }));
      case 'truncate':
        return one(plain(first), (path) => ({ kind: 'resize', path, length: Number(second) }));
      case 'mkdir':
        return one(plain(first), (path) => ({ kind: 'folder', path }));
      case 'mkdirat':
        return one(at(first, second), (path) => ({ kind: 'folder', path }));
      case 'symlink':
        return one(plain(second), (path) => ({ kind: 'symlink', path, target: textOf(first) }));
      case 'symlinkat':
        return one(at(second, third), (path) => ({ kind: 'symlink', path, target: textOf(first) }));
      case 'rename':
        return pair(plain(first), plain(second), 'rename');
      case 'renameat':
        return pair(at(first, second), at(third, args[3] ?? ''), 'rename');
      case 'link':
        return pair(plain(first), plain(second), 'link');
      case 'linkat':
        return pair(at(first, second), at(third, args[3] ?? ''), 'link');
      case 'unlink':
      case 'rmdir':
        return one(plain(first), (path) => ({ kind: 'remove', path }));
      case 'unlinkat':
        return one(at(first, second), (path) => ({ kind: 'remove', path }));
      case 'fsync':
      case 'fdatasync':
        return one(this.#file(first), (path) => ({ kind: 'sync', path }));
      case 'syncfs':
        return one(this.#file(first), (path) => ({ kind: 'syncfs', path }));
      default:
        if (
          FORBIDDEN.includes(name) &&
          args.some((arg) => arg.includes('<') && this.#file(arg) !== undefined)
        )
          throw new Error(`${name} is not recorded: ${args.join(', ').slice(0, 200)}`);
        return undefined;
    }
  }

  #open({ name, args, pid, resultPath }: TracedCall): Kinds | undefined {
    const [folder, file, flags] =
      name === 'openat' ? [args[0] ?? '', args[1] ?? '', args[2] ?? ''] : ['', args[0] ?? '', args[1] ?? ''];
    const isMade = name === 'creat' || /O_CREAT/.test(flags);
    if (!isMade && !/O_TRUNC|O_RDWR|O_WRONLY/.test(flags)) return undefined;
    const path = this.#below(resultPath ?? resolve(pathOf(folder) ?? this.#folderOf(pid), textOf(file)));
    if (path === undefined) return undefined;
    if (/O_APPEND/.test(flags)) this.#positions.set(path, Number.POSITIVE_INFINITY);
    else this.#positions.set(path, 0);
    return { kind: 'open', path, creates: isMade, truncates: name === 'creat' || /O_TRUNC/.test(flags) };
  }

  #write({ name, args, result }: TracedCall): Kinds | undefined {
    const path = this.#file(args[0] ?? '');
    if (path === undefined) return undefined;
    const whole =
      name === 'writev'
        ? Buffer.concat(
            [...(args[1] ?? '').matchAll(/iov_base=("[^"]*")/g)].map(([, text = '']) => bytesOf(text)),
          )
        : bytesOf(args[1] ?? '');
    const bytes = whole.subarray(0, result);
    const position = this.#positions.get(path) ?? 0;
    if (name === 'pwrite64') return { kind: 'write', path, offset: Number(args[3]), bytes };
    this.#positions.set(path, position + result);
    return { kind: 'write', path, offset: position, bytes };
  }

  #folderOf(pid: number): string {
    for (let each: number | undefined = pid; each !== undefined; each = this.#parents.get(each)) {
      const folder = this.#folders.get(each);
      if (folder !== undefined) return folder;
    }
    return process.cwd();
  }

  #file(descriptor: string): string | undefined {
    const path = pathOf(descriptor);
    return path === undefined || descriptor.endsWith('(deleted)') ? undefined : this.#below(path);
  }

  #below(path: string): string | undefined {
    return path.startsWith(`${this.#root}/`) ? path.slice(this.#root.length + 1) : undefined;
  }
}
