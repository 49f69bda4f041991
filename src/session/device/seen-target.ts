// What a drive or image file looked like when somebody chose it, to know in the moment before it is formatted that it is still the same.
import { createHash } from 'node:crypto';
import { open, readFile, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeskPodError } from '../../core/errors.ts';
import { storageError } from '../../sync/storage-failure.ts';
import { type DeviceTarget, findTarget } from './device-target.ts';

/** How a target looked. */
export interface SeenTarget {
  readonly path: string;
  readonly sizeBytes: number;
  /** Which drive or file it is, in the kernel's words: its number, what its maker calls it, when it was plugged in. */
  readonly identity: string;
  /** Of its first and last bytes, where file systems, partition tables and encrypted volumes say who they are. */
  readonly edgesSha256: string;
}

const EDGE_BYTES = 1024 * 1024; // 1 MiB
/** `diskseq` (Linux 5.15 and newer) is another one whenever something is plugged in. */
const MARKS = ['diskseq', 'serial', 'device/serial', 'device/wwid', 'device/vendor', 'device/model'];
const KERNEL_TREE = '/sys/devices';

/** Looks at what stands at a path. @throws DeskPodError DEVICE_NOT_FOUND; FILE_UNREADABLE if the drive does not give its bytes */
export async function seeTarget(path: string): Promise<SeenTarget> {
  const target = await findTarget(path);
  const { sizeBytes } = target;
  const marks = target.kind === 'block' ? await marksOf(target) : [];
  const identity = [target.path, target.identity, ...marks].join('\n');
  return { path, sizeBytes, identity, edgesSha256: await hashEdges(target) };
}

/**
 * Refuses a target that is not as it was seen.
 * @throws DeskPodError DEVICE_CHANGED saying what differs; as {@link seeTarget}
 */
export async function requireSeen(seen: SeenTarget): Promise<void> {
  const { path, sizeBytes, identity, edgesSha256 } = await seeTarget(seen.path);
  const changes = [
    ...(identity === seen.identity ? [] : ['it was plugged in since, or is another one']),
    ...(sizeBytes === seen.sizeBytes ? [] : ['its size is another one']),
    ...(edgesSha256 === seen.edgesSha256 ? [] : ['what is on it has changed']),
  ];
  if (changes.length === 0) return;
  throw new DeskPodError('DEVICE_CHANGED', `${path}: expected what was chosen, but ${changes.join(', ')}`, {
    hint: 'Nothing on it was changed. Look which drive is plugged in, and choose it again.',
    details: { path, changes },
  });
}

/** Of the drive, and of all that it hangs on: a USB stick's serial number stands two floors above it. */
async function marksOf({ identity }: DeviceTarget): Promise<string[]> {
  const marks: string[] = [];
  let dir = await realpath(`/sys/dev/block/${identity}`);
  for (; dir.startsWith(`${KERNEL_TREE}/`); dir = dirname(dir))
    for (const name of MARKS) {
      // not every drive says everything
      const text = await readFile(join(dir, name), 'utf8').catch(() => undefined);
      if (text !== undefined) marks.push(`${join(dir, name)}=${text.trim()}`);
    }
  return marks;
}

async function hashEdges({ path, sizeBytes }: DeviceTarget): Promise<string> {
  const sum = createHash('sha256');
  try {
    const file = await open(path, 'r');
    try {
      for (const start of new Set([0, Math.max(0, sizeBytes - EDGE_BYTES)])) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(EDGE_BYTES), 0, EDGE_BYTES, start);
        sum.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageError(error, path);
  }
  return sum.digest('hex');
}
