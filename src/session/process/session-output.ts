// What a session shows of its start: that it is ready, and what it printed. Both are files that it controls itself.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { openInProcessRoot, openInRoot } from '../barrier/rooted-path.ts';
import { SESSION_SOCKET_DIR } from './session-socket.ts';

/** How much of the output's end is read: the session may have made the file as long as it likes. */
const OUTPUT_MAX_BYTES = 2000;

/** True once the session's display takes clients. A link in the place of the sign is none. */
export async function isReady(rootPid: number): Promise<boolean> {
  try {
    const sign = await openInProcessRoot(rootPid, `${SESSION_SOCKET_DIR}/ready`);
    await sign.close();
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ESRCH', 'ELOOP', 'ENOTDIR'].includes(code)) return false;
    throw error;
  }
}

/**
 * The last 2000 bytes that a session printed, as text, whether or not it still runs; empty if it printed nothing. Never
 * throws: it goes into the details of another error. What is no regular file, or stands behind a link, is not read.
 */
export async function readSessionOutput(mergedDir: string): Promise<string> {
  try {
    return await readEnd(mergedDir);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? '' : `(the session's output could not be read: ${code})`;
  }
}

async function readEnd(mergedDir: string): Promise<string> {
  const place = await openInRoot(mergedDir, `${SESSION_SOCKET_DIR}/session.log`);
  try {
    if (!place.isFile) return '(the session replaced its output by something that is no file)';
    // The very file that was looked at. It does not wait, should the session hold a lease on it.
    const file = await open(place.path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(Math.min(size, OUTPUT_MAX_BYTES));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } finally {
    await place.close();
  }
}
