// A notification on the desktops of whoever is logged in, by the bus of each of their sessions.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockWords } from '../../core/dock-words.ts';
import { ProcessError, run } from '../../sync/process.ts';

const RUN_USER = '/run/user';
const SHOWN_MS = 10_000;
const TIMEOUT_MS = 5000;

/** A bus, and whose it is. */
interface SessionBus {
  readonly socket: string;
  readonly userId: number;
  readonly groupId: number;
}

/**
 * Shows it on every desktop here.
 *
 * @returns on how many it was shown: none if nobody is logged in, or nothing there shows notifications
 */
export async function notifyDesktops(words: DockWords, usersDir = RUN_USER): Promise<number> {
  let shownCount = 0;
  for (const bus of await findBuses(usersDir)) if (await notify(bus, words)) shownCount += 1;
  return shownCount;
}

async function findBuses(usersDir: string): Promise<SessionBus[]> {
  const buses: SessionBus[] = [];
  for (const name of await readdir(usersDir).catch(nothing)) {
    const socket = join(usersDir, name, 'bus');
    const found = await stat(socket).catch(() => undefined);
    if (found?.isSocket() === true) buses.push({ socket, userId: found.uid, groupId: found.gid });
  }
  return buses;
}

function nothing(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  return [];
}

/** Some buses speak with nobody but their user, root included. */
async function notify({ socket, userId, groupId }: SessionBus, words: DockWords): Promise<boolean> {
  const asUser =
    process.geteuid?.() === userId
      ? []
      : ['setpriv', `--reuid=${userId}`, `--regid=${groupId}`, '--clear-groups', '--'];
  const [program = 'gdbus', ...args] = [...asUser, 'gdbus', ...callOf(socket, words)];
  try {
    await run(program, args, { timeoutMs: TIMEOUT_MS });
    return true;
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    return false;
  }
}

function callOf(socket: string, { title, text, isUrgent }: DockWords): string[] {
  const address = `unix:path=${socket.replaceAll(/[^-0-9A-Za-z_/.\\]/g, (letter) => `%${Buffer.from(letter).toString('hex')}`)}`;
  const urgency = isUrgent ? 2 : 1;
  return [
    ...['call', '--address', address, '--dest', 'org.freedesktop.Notifications'],
    ...[
      '--object-path',
      '/org/freedesktop/Notifications',
      '--method',
      'org.freedesktop.Notifications.Notify',
    ],
    ...['deskpod', '0', 'drive-removable-media', variantText(title), variantText(text)],
    ...['[]', `{"urgency": <byte ${urgency}>}`, String(SHOWN_MS)],
  ];
}

/** A string as gdbus reads it. Names on a drive are anybody's text: markup is none, and controls are gone. */
function variantText(text: string): string {
  const plain = text
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
  return `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
