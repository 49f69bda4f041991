// Which hooks this host has: programs in its own configuration, never on a device, that nobody else can have changed.
import { constants } from 'node:fs';
import { access, lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Phase, STEPS, type Step } from './steps.ts';

/** A folder of hooks. */
export interface HookFolder {
  readonly path: string;
  /** `host` is for every pod; `user`, of whoever runs this, for tree pods only. */
  readonly of: 'host' | 'user';
}

/** Something in a folder of hooks. */
export interface FoundHook {
  /** Where it was found. */
  readonly path: string;
  readonly folder: HookFolder;
  /** Undefined for what no step runs. */
  readonly when: { readonly phase: Phase; readonly step: Step } | undefined;
  /** What is run: `path` without links. */
  readonly program: string;
  /** `runs`; `idle` is no program, or no name of a hook; `refused` could have been changed by others. */
  readonly standing: 'runs' | 'idle' | 'refused';
  /** Why it does not run. */
  readonly reason: string | undefined;
}

/** As run-parts has them: what editors and dpkg leave beside a file is none. */
const PART_NAME = /^[A-Za-z0-9_-]+$/;
const HOOK_NAME = /^(before|after)-([a-z]+)(\.d)?$/;
const BY_OTHERS = 0o022;
const STICKY = 0o1000;
const LINKS_MOST = 40;

/** The folders of this host and user, whether they are there or not. */
export function hookFolders(): readonly [HookFolder, HookFolder] {
  const config = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
  return [
    { path: process.env.DESKPOD_HOOKS ?? '/etc/deskpod/hooks.d', of: 'host' },
    { path: join(config, 'deskpod/hooks.d'), of: 'user' },
  ];
}

/** All that lies in these folders, in the order in which it would run. @throws the system's errors, but for what is not there */
export async function findHooks(folders: readonly HookFolder[]): Promise<readonly FoundHook[]> {
  const found: FoundHook[] = [];
  for (const folder of folders) {
    for (const name of await namesIn(folder.path)) {
      const path = join(folder.path, name);
      const [, phase, step, isFolder] = HOOK_NAME.exec(name) ?? [];
      const when = STEPS.includes(step as Step) ? { phase: phase as Phase, step: step as Step } : undefined;
      if (isFolder === undefined || when === undefined) {
        found.push(await examine(path, folder, when));
        continue;
      }
      for (const part of await namesIn(path)) found.push(await examine(join(path, part), folder, when));
    }
  }
  return found;
}

async function examine(path: string, folder: HookFolder, when: FoundHook['when']): Promise<FoundHook> {
  const is = (standing: FoundHook['standing'], reason?: string, program = path): FoundHook => {
    return { path, folder, when, program, standing, reason };
  };
  if (when === undefined)
    return is('idle', 'its name is not before-STEP or after-STEP, with a step of deskpod');
  if (!PART_NAME.test(basename(path))) return is('idle', 'its name is not of letters, digits, - and _ alone');
  try {
    const program = await realpath(path);
    if (!(await stat(program)).isFile()) return is('idle', 'it is no file', program);
    const reason = await whoElseWrites(path);
    if (reason !== undefined) return is('refused', reason, program);
    await access(program, constants.X_OK);
    return is('runs', undefined, program);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return is('idle', 'it is not executable');
    if (code === 'ENOENT' || code === 'ELOOP') return is('idle', 'it is a link to nothing');
    throw error;
  }
}

/**
 * Who else than root and this user could have something else run under this name: by any folder or link on the way to the program,
 * however long the chain of links is; undefined if nobody.
 */
async function whoElseWrites(path: string): Promise<string | undefined> {
  const own = process.geteuid?.() ?? 0;
  const left = path.split('/');
  // the kernel follows no more links than that, and realpath has been asked before
  for (let at = '/', linkCount = 0; linkCount <= LINKS_MOST; ) {
    const { uid, mode, isLink, isFolder } = await judgedAt(at);
    if (uid !== 0 && uid !== own) return `${at} belongs to user ${uid}`;
    // in such a folder only the owner can put something else in the place of what is his
    const isGuarded = isFolder && (mode & STICKY) !== 0;
    if (!isLink && (mode & BY_OTHERS) !== 0 && !isGuarded)
      return `${at} can be written by others (mode ${(mode & 0o7777).toString(8).padStart(4, '0')})`;
    if (isLink) {
      linkCount += 1;
      const to = await readlink(at);
      left.unshift(...to.split('/'));
      at = to.startsWith('/') ? '/' : dirname(at);
    }
    const name = left.shift();
    if (name === undefined) return undefined;
    at = join(at, name);
  }
  return 'it leads through too many links';
}

async function judgedAt(path: string): Promise<{
  readonly uid: number;
  readonly mode: number;
  readonly isLink: boolean;
  readonly isFolder: boolean;
}> {
  const found = await lstat(path);
  const { uid, mode } = found;
  return { uid, mode, isLink: found.isSymbolicLink(), isFolder: found.isDirectory() };
}

/** In the order of their bytes, as run-parts has it; hidden ones are left out. */
async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(dir);
    return names.filter((name) => !name.startsWith('.')).sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // whom the host does not let look in there has no hooks of it
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return [];
    throw error;
  }
}
