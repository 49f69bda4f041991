// Opening the viewer in the browser of the person who sits here, where there is one.
import { constants } from 'node:fs';
import { access, lstat, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programFolders } from '../session/host/programs.ts';
import { ProcessError, spawnDetached } from '../sync/process.ts';
import { writeLinkFile } from './link-file.ts';

/** Browsers that show a page in a window of its own, without tabs and bars. */
const WINDOWED = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'microsoft-edge',
  'brave-browser',
];
/** A browser that has not read the file by then does not come any more. */
const FILE_SECONDS = 60;

/** How the page is opened. */
export interface BrowserOptions {
  /** In a window of its own, if a browser here can do that. */
  readonly asWindow?: boolean;
}

/** Whose browser it is. */
interface Person {
  readonly uid: number;
  readonly gid: number;
  /** The command before which another one runs as this person; empty for whoever runs this. */
  readonly become: readonly string[];
}

/**
 * Hands the page to the person's browser; without a desktop the printed address is all there is. The address goes by way
 * of a file that only this person can read: arguments of programs are seen by every user of the host.
 */
export async function openInBrowser(url: string, { asWindow = false }: BrowserOptions = {}): Promise<void> {
  const hasDesktop = process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined;
  if (!hasDesktop) return;
  const person = await whoSitsHere();
  const path = await writeLinkFile(await folderOf(person), url, person);
  const windowed = asWindow ? await firstOf(WINDOWED) : undefined;
  const open = windowed === undefined ? ['xdg-open', path] : [windowed, `--app=file://${path}`];
  const [program = '', ...args] = [...person.become, ...open];
  await spawnDetached(program, args).catch((error: unknown) => {
    // a host that has none of these has no browser to open either
    if (!(error instanceof ProcessError)) throw error;
  });
  await spawnDetached('sh', ['-c', `sleep ${FILE_SECONDS}; rm -f "$0"`, path]);
}

async function firstOf(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const places = programFolders().map((folder) => access(join(folder, name), constants.X_OK));
    if ((await Promise.allSettled(places)).some(({ status }) => status === 'fulfilled')) return name;
  }
  return undefined;
}

/** The person's own folder for what does not last, in memory; where there is none, one that root's TMPDIR does not close. */
async function folderOf({ uid, become }: Person): Promise<string> {
  const own = `/run/user/${uid}`;
  const found = await lstat(own).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EACCES') throw error;
  });
  if (found?.isDirectory() === true && found.uid === uid) return own;
  return become.length === 0 ? tmpdir() : '/tmp';
}

/**
 * The person who borrowed root by sudo, doas or pkexec, or else whoever runs this: a browser as root would be another one
 * than the person's own, or refuse.
 */
async function whoSitsHere(): Promise<Person> {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, become: [] };
  const { SUDO_UID, PKEXEC_UID, DOAS_USER } = process.env;
  const wanted = SUDO_UID ?? PKEXEC_UID ?? DOAS_USER;
  if (own.uid !== 0 || wanted === undefined || wanted === '0' || wanted === 'root') return own;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const found = users.find(([name, , uid]) => wanted === uid || wanted === name);
  // one that a directory service knows: better root's browser than none
  if (found === undefined) return own;
  const [name, , uid, gid, , home] = found;
  const runtime = `/run/user/${uid}`;
  const become = [
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', 'env'],
    ...[`HOME=${home}`, `USER=${name}`, `LOGNAME=${name}`],
    ...[`XDG_RUNTIME_DIR=${runtime}`, `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`],
  ];
  return { uid: Number(uid), gid: Number(gid), become };
}
