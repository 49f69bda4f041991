// Taking a head at home: it moves forward or not at all.
import { constants } from 'node:fs';
import { access, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toHex } from '../../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../../core/errors.ts';
import { type Head, peekHead } from '../../../core/head.ts';
import { requireForward } from '../../../core/head-order.ts';
import { type FileLock, tryLock } from '../../posix/flock.ts';
import { isSystemError, syncFolder, writeFully, writeTemporary } from '../../repository/durable-file.ts';
import { temporaryName } from '../../repository/temporary-name.ts';
import type { Incoming } from './incoming.ts';

/** Far more than a head has. */
const MAX_HEAD_BYTES = 4096;
const LOCK_TIMEOUT_MS = 20_000;
const LOCK_POLL_MS = 20;

/**
 * Replaces the head of a pod at home by the one in the file `received`, durably and at once. The present one stays if this
 * throws.
 *
 * @throws DeskPodError HOME_DAMAGED if it is no head of this pod or names a keyring that home lacks; HOME_FENCED,
 * HOME_FOREIGN as {@link requireForward}
 */
export async function takeHead(
  repositoryDir: string,
  podId: string,
  received: string,
  incoming: Incoming,
): Promise<void> {
  const bytes = await readReceived(received);
  const next = readHead(bytes, podId);
  await requireKeyring(repositoryDir, next);
  const lock = await lockHead(incoming);
  try {
    const present = await presentHead(repositoryDir, podId);
    if (present !== undefined) requireForward(present, next);
    const temporary = join(incoming.headsDir, await temporaryName());
    await writeTemporary(temporary, (file) => writeFully(file, bytes, 0));
    await rename(temporary, join(repositoryDir, 'head'));
    await syncFolder(repositoryDir);
  } finally {
    lock.release();
  }
}

async function readReceived(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (stats.isFile() && stats.size <= MAX_HEAD_BYTES) return new Uint8Array(await file.readFile());
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!isSystemError(error, 'ENOENT') && !isSystemError(error, 'ELOOP') && !isSystemError(error, 'ENXIO'))
      throw error;
  }
  throw noHead(undefined);
}

function readHead(bytes: Uint8Array, podId: string): Head {
  let head: Head;
  try {
    head = peekHead(bytes);
  } catch (cause) {
    throw noHead(cause);
  }
  if (toHex(head.podId) !== podId) throw noHead(undefined);
  return head;
}

/** What home has. One that cannot be read says nothing about what may follow it: any head of the pod is better. */
async function presentHead(repositoryDir: string, podId: string): Promise<Head | undefined> {
  try {
    return readHead(new Uint8Array(await readFile(join(repositoryDir, 'head'))), podId);
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isDeskPodError(error, 'HOME_DAMAGED')) return undefined;
    throw error;
  }
}

async function requireKeyring(repositoryDir: string, head: Head): Promise<void> {
  const keyring = `keyrings/${toHex(head.keyring)}`;
  try {
    await access(join(repositoryDir, keyring));
  } catch (cause) {
    throw new DeskPodError('HOME_DAMAGED', `the head names ${keyring}, which home lacks`, {
      hint: 'sync again: it sends whatever home lacks',
      cause,
    });
  }
}

async function lockHead({ headLock }: Incoming): Promise<FileLock> {
  const deadlineMs = performance.now() + LOCK_TIMEOUT_MS;
  for (;;) {
    const lock = tryLock(headLock);
    if (lock !== undefined) return lock;
    if (performance.now() > deadlineMs) {
      throw new DeskPodError('HOME_UNREACHABLE', 'another device is moving the head of this pod', {
        hint: 'sync again in a moment',
      });
    }
    await delay(LOCK_POLL_MS);
  }
}

function noHead(cause: unknown): DeskPodError {
  return new DeskPodError('HOME_DAMAGED', 'expected a head of this pod, got something else', {
    hint: 'home keeps the head it has; look at this device with `deskpod verify`',
    cause,
  });
}
