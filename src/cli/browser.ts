// Opening the viewer in the browser of the person who sits here, where there is one.
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { programFolders } from '../session/host/programs.ts';
import { run, spawnDetached } from '../sync/process.ts';

/** Browsers that show a page in a window of its own, without tabs and bars. */
const WINDOWED = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'microsoft-edge',
  'brave-browser',
];

/** How the page is opened. */
export interface BrowserOptions {
  /** In a window of its own, if a browser here can do that. */
  readonly asWindow?: boolean;
}

/** Hands the page to the person's browser; without a desktop the printed address is all there is. */
export async function openInBrowser(url: string, { asWindow = false }: BrowserOptions = {}): Promise<void> {
  const hasDesktop = process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined;
  if (!hasDesktop) return;
  const windowed = asWindow ? await firstOf(WINDOWED) : undefined;
  const open = windowed === undefined ? ['xdg-open', url] : [windowed, `--app=${url}`];
  const [program = '', ...args] = [...(await becomePerson()), ...open];
  await spawnDetached(program, args);
}

async function firstOf(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const places = programFolders().map((folder) => access(join(folder, name), constants.X_OK));
    if ((await Promise.allSettled(places)).some(({ status }) => status === 'fulfilled')) return name;
  }
  return undefined;
}

/**
 * The command before which another one runs as the person who borrowed root by sudo, doas or pkexec: a browser as root
 * would be another one than the person's own, or refuse.
 */
async function becomePerson(): Promise<readonly string[]> {
  const { SUDO_UID, PKEXEC_UID, DOAS_USER } = process.env;
  const wanted = SUDO_UID ?? PKEXEC_UID ?? DOAS_USER;
  if (process.getuid?.() !== 0 || wanted === undefined || wanted === '0' || wanted === 'root') return [];
  const { stdout } = await run('getent', ['passwd', wanted]);
  const [name, , uid, gid, , home] = stdout.trim().split(':');
  const runtime = `/run/user/${uid}`;
  return [
    ...['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', 'env'],
    ...[`HOME=${home}`, `USER=${name}`, `LOGNAME=${name}`],
    ...[`XDG_RUNTIME_DIR=${runtime}`, `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`],
  ];
}
