// What the host puts into a pod before a fresh session: the guest's programs, its names, and empty run folders.

import { constants } from 'node:fs';
import { chmod, chown, lstat, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeskPodError } from '../../core/errors.ts';
import { GUEST_DIR, SHIFTED_ID_START } from '../barrier/bundle.ts';
import { type Account, PROFILE_FILES, SESSION_RUN_DIR, SESSION_UID } from '../barrier/environment.ts';
import { pathInRoot } from '../barrier/rooted-path.ts';
import type { SessionProcessor } from '../barrier/session-processor.ts';
import { NAME_SERVER } from './network.ts';
import { SESSION_SOCKET_DIR } from './session-socket.ts';

const GUEST_FILES = ['init.pl', 'exec-agent.pl'] as const;
const SOURCE_DIR = fileURLToPath(new URL('./guest', import.meta.url));

/**
 * Makes a root file system ready for a fresh start. The guest's programs are copied rather than bound from the host: a
 * bound file is a mount that must exist at every restore, on every host, with the same content. They are written only
 * here, never before a resume, because a dumped process has them open by inode and size.
 * @throws DeskPodError SESSION_START_FAILED if a folder of the system was replaced by a link.
 */
export async function prepareGuest(
  mergedDir: string,
  machineId: string,
  { cpuinfo, online }: SessionProcessor,
): Promise<void> {
  if (!/^[0-9a-f]{32}$/.test(machineId))
    throw new TypeError(`not a machine id of 32 hexadecimal digits: ${machineId}`);
  await makeFolder(mergedDir, GUEST_DIR, 0, 0o755);
  for (const name of GUEST_FILES) {
    await putFile(mergedDir, `${GUEST_DIR}/${name}`, await readFile(join(SOURCE_DIR, name)), 0o755);
  }
  await putFile(mergedDir, `${GUEST_DIR}/cpuinfo`, cpuinfo, 0o444);
  await putFile(mergedDir, `${GUEST_DIR}/online`, online, 0o444);
  for (const { path, text } of PROFILE_FILES) {
    await makeFoldersAbove(mergedDir, path);
    await putFile(mergedDir, path, text, 0o644);
  }
  await putFile(mergedDir, '/etc/machine-id', `${machineId}\n`, 0o444);
  await putFile(mergedDir, '/etc/hostname', 'deskpod\n', 0o644);
  await putFile(mergedDir, '/etc/resolv.conf', `nameserver ${NAME_SERVER}\n`, 0o644);
  // As after a boot. Both are folders of the layer: a tmpfs would be archived while the session stands still.
  for (const dir of ['/run', '/tmp']) await emptyFolder(mergedDir, dir);
  await makeFolder(mergedDir, '/tmp', 0, 0o1777);
  await makeFolder(mergedDir, '/run/user', 0, 0o755);
  await makeFolder(mergedDir, SESSION_RUN_DIR, SESSION_UID, 0o700);
  await makeFolder(mergedDir, SESSION_SOCKET_DIR, SESSION_UID, 0o700);
}

/**
 * The account with the session's uid in the pod's own /etc/passwd.
 * @throws DeskPodError SESSION_START_FAILED if there is none.
 */
export async function readAccount(mergedDir: string): Promise<Account> {
  const handle = await open(
    await pathInRoot(mergedDir, '/etc/passwd'),
    constants.O_RDONLY | constants.O_NOFOLLOW,
  );
  try {
    for (const line of (await handle.readFile('utf8')).split('\n')) {
      const [name = '', , uid, , , homeDir = '', shell = ''] = line.split(':');
      if (uid === `${SESSION_UID}`) return { name, homeDir: homeDir || '/', shell: shell || '/bin/sh' };
    }
  } finally {
    await handle.close();
  }
  throw new DeskPodError('SESSION_START_FAILED', `the base has no user with uid ${SESSION_UID}`, {
    hint: 'Build the base with `deskpod base build`.',
    details: { mergedDir },
  });
}

/** Those of a program's settings are there with the program only. */
async function makeFoldersAbove(rootDir: string, path: string): Promise<void> {
  const names = dirname(path).split('/').slice(1);
  for (const index of names.keys())
    await makeFolder(rootDir, `/${names.slice(0, index + 1).join('/')}`, 0, 0o755);
}

async function makeFolder(rootDir: string, path: string, uid: number, mode: number): Promise<void> {
  const place = await pathInRoot(rootDir, path);
  const stat = await lstat(place).catch(absent);
  if (stat !== undefined && !stat.isDirectory()) await rm(place);
  if (stat?.isDirectory() !== true) await mkdir(place);
  // By a handle that follows no link: nothing runs in the pod now, and still nothing is taken on trust.
  const handle = await open(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await handle.chown(SHIFTED_ID_START + uid, SHIFTED_ID_START + uid);
    await handle.chmod(mode);
  } finally {
    await handle.close();
  }
}

/** Writes a file of the pod's root unless it is there with this content. Replaced by rename, so never half written. */
async function putFile(
  rootDir: string,
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<void> {
  const place = await pathInRoot(rootDir, path);
  const stat = await lstat(place).catch(absent);
  if (stat?.isFile() === true && Buffer.from(content).equals(await readFile(place))) return;
  const fresh = `${place}.deskpod-new`;
  await rm(fresh, { force: true });
  await writeFile(fresh, content, { flag: 'wx' });
  await chown(fresh, SHIFTED_ID_START, SHIFTED_ID_START);
  await chmod(fresh, mode);
  await rename(fresh, place);
}

async function emptyFolder(rootDir: string, path: string): Promise<void> {
  const place = await pathInRoot(rootDir, path);
  const stat = await lstat(place).catch(absent);
  if (stat?.isDirectory() !== true) return;
  for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
