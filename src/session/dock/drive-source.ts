// Drives of this computer that carry the label of a pod's device; udev says when to look, where it runs.
import { readdir, readFile } from 'node:fs/promises';
import { Observable, tap } from 'rxjs';
import { ProcessError, run } from '../../sync/process.ts';
import { DEVICE_LABEL } from '../device/device-format.ts';
import { readSuperblock } from '../device/ext4.ts';
import type { Candidate, DeviceSource } from './device-source.ts';

const SYS_BLOCK = '/sys/class/block';
/** What is on a loop device is found by its image file; the others are no drives. */
const NO_DRIVE = /^(?:loop|ram|zram|dm-|md|sr|fd)/;
const MONITOR = ['monitor', '--udev', '--property', '--subsystem-match=block'] as const;
/** Of a monitor that ended. */
const RESTART_MS = 5000;
/** What a drive answers that is being plugged in or out, has no card in it, or is not this user’s. */
const AWAY: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'ENOENT',
  'ENXIO',
  'ENOMEDIUM',
  'ENODEV',
  'EIO',
  'ENOTDIR',
  'EISDIR',
]);

/** The drives that are plugged in. */
export function driveSource(): DeviceSource {
  let known = new Map<string, KnownDrive>();
  return {
    list: async () => {
      const seen = new Map<string, KnownDrive>();
      for (const name of await readdir(SYS_BLOCK)) {
        if (NO_DRIVE.test(name)) continue;
        const stamp = await stampOf(name);
        const before = known.get(name);
        // a drive that is looked at each time never comes to rest
        seen.set(name, before?.stamp === stamp ? before : { stamp, candidate: await driveAt(name, stamp) });
      }
      known = seen;
      return [...seen.values()].flatMap(({ candidate }) => candidate ?? []);
    },
    // what was written on one since may make it a device
    hints: udevHints().pipe(tap(() => known.clear())),
  };
}

/** A drive that was read. */
interface KnownDrive {
  readonly stamp: string;
  readonly candidate: Candidate | undefined;
}

/** One that was taken away and put back while nobody could look, as the computer slept, is another one: it may hold more by now. */
async function driveAt(name: string, stamp: string): Promise<Candidate | undefined> {
  const found = await candidateAt(`/dev/${name.replaceAll('!', '/')}`);
  return found === undefined ? undefined : { ...found, fingerprint: `${found.fingerprint} ${stamp}` };
}

/** What is another one for each medium that is plugged in, as the kernel counts them. */
async function stampOf(name: string): Promise<string> {
  // the folder of a partition is a link into that of its disk
  const files = ['dev', 'size', 'diskseq', '../diskseq'];
  const texts = files.map((file) => readFile(`${SYS_BLOCK}/${name}/${file}`, 'utf8').catch(() => ''));
  return (await Promise.all(texts)).join(' ');
}

/** A block device or image file with the label of a pod's device; undefined for anything else. */
export async function candidateAt(path: string): Promise<Candidate | undefined> {
  try {
    const superblock = await readSuperblock(path);
    if (superblock?.label !== DEVICE_LABEL) return undefined;
    return { path, fingerprint: superblock.uuid };
  } catch (error) {
    if (AWAY.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** One for each event of a block device that udev has worked on. None where there is no udev: then the time says when to look. */
function udevHints(): Observable<unknown> {
  return new Observable((subscriber) => {
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const monitor = (): void => {
      const monitoring = run('udevadm', MONITOR, {
        signal: stop.signal,
        isEndless: true,
        onStdoutLine: (line) => {
          if (line.startsWith('ACTION=')) subscriber.next(line);
        },
      });
      const again = (error?: unknown): void => {
        if (stop.signal.aborted || (error instanceof ProcessError && error.notFound)) return;
        timer = setTimeout(monitor, RESTART_MS);
      };
      monitoring.then(() => again(), again);
    };
    monitor();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  });
}
