// The processes that live in a mounted root file system: found from the outside, without asking anyone.
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { endProcess, identifyProcess, type ProcessIdentity } from '../host/process-identity.ts';

/**
 * Every process whose root lies in the file system mounted at `mergedDir`, or that works for it as a CRIU that is not
 * there any more: killed in the middle of a restore, CRIU leaves half-made processes behind that wait for it for ever.
 * @param restoreRootDir the folder that CRIU was given as the root, if one was.
 */
async function membersOf(mergedDir: string, restoreRootDir?: string): Promise<readonly ProcessIdentity[]> {
  const { dev } = await stat(mergedDir);
  const members: ProcessIdentity[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const identity = identifyProcess(Number(name));
    if (identity === undefined) continue;
    const isRestoring =
      restoreRootDir !== undefined && (await isCriu(name, 'restore', '--root', restoreRootDir));
    if (isRestoring || (await isRootedIn(name, dev))) members.push(identity);
  }
  return members;
}

/** Ends all of {@link membersOf}; returns how many there were. */
export async function endMembers(mergedDir: string, restoreRootDir?: string): Promise<number> {
  const members = await membersOf(mergedDir, restoreRootDir);
  await Promise.all(members.map((member) => endProcess(member)));
  return members.length;
}

/**
 * Ends the children of a CRIU that was killed while it dumped into `imagesDir`: while it finds out what the kernel can
 * do, it has some that sleep until it ends them, with that folder open.
 */
export async function endStrayDump(imagesDir: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const identity = identifyProcess(Number(name));
    if (identity !== undefined && (await isCriu(name, 'dump', '--images-dir', imagesDir)))
      await endProcess(identity);
  }
}

/** True while a CRIU dumps into `imagesDir`, whoever started it. */
export async function isDumping(imagesDir: string): Promise<boolean> {
  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name) && (await isCriu(name, 'dump', '--images-dir', imagesDir))) return true;
  }
  return false;
}

/**
 * Ends the exec agent of the session whose pid 1 is `rootPid`, which starts it again: for one that does not answer,
 * because something in the session stopped it. Processes of the session that pretend to be one end too.
 */
export async function endAgent(rootPid: number): Promise<void> {
  const namespace = await readlink(`/proc/${rootPid}/ns/pid`).catch(gone);
  if (namespace === undefined) return;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || name === `${rootPid}`) continue;
    const identity = identifyProcess(Number(name));
    if (identity === undefined || (await readlink(`/proc/${name}/ns/pid`).catch(gone)) !== namespace)
      continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(gone);
    if (commandLine?.split('\0')[1]?.endsWith('/exec-agent.pl') === true) await endProcess(identity);
  }
}

async function isRootedIn(pid: string, device: number): Promise<boolean> {
  const root = await stat(`/proc/${pid}/root`).catch(gone);
  return root?.dev === device;
}

async function isCriu(pid: string, verb: string, option: string, path: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(gone);
  return commandLine?.includes(`\0${verb}\0`) === true && commandLine.includes(`\0${option}\0${path}\0`);
}

/** A process may end while it is looked at; one without memory of its own (a kernel thread) has no root to see. */
function gone(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ESRCH' || error.code === 'EACCES') return undefined;
  throw error;
}
