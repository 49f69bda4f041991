// Drives of this computer that carry the label of a pod's device; udev says when to look, where it runs.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { merge, Observable, tap } from 'rxjs';
import { ProcessError, run } from '../../sync/process.ts';
import { isOutOfMeans } from '../../sync/storage-failure.ts';
import { DEVICE_LABEL } from '../device/device-format.ts';
import { readSuperblock } from '../device/ext4.ts';
import { mediumStamp } from '../device/medium-stamp.ts';
import type { Candidate, DeviceSource } from './device-source.ts';
import { PatientLooks } from './patient-looks.ts';

const SYS_BLOCK = '/sys/class/block';
/** What is on a loop device is found by its image file; the others are no drives. */
const NO_DRIVE = /^(?:loop|ram|zram|dm-|md|sr|fd)/;
const MONITOR = ['monitor', '--udev', '--property', '--subsystem-match=block'] as const;
/** Of a monitor that ended. */
const RESTART_MS = 5000;
/** Where drives are looked for, if not where the kernel shows them; and how long one is waited for. */
export interface DrivePlaces {
  readonly sysDir?: string;
  readonly devDir?: string;
  /** What tells of udev's events, if not udevadm. */
  readonly monitor?: string;
  readonly answerTimeoutMs?: number;
}

/** The drives that are plugged in. */
export function driveSource({
  sysDir = SYS_BLOCK,
  devDir = '/dev',
  monitor = 'udevadm',
  answerTimeoutMs,
}: DrivePlaces = {}): DeviceSource {
  /** What was written on a drive since a hint may make it a device. */
  let hintCount = 0;
  let known = new Map<string, KnownDrive>();
  const looks = new PatientLooks<KnownDrive>(answerTimeoutMs);
  const lookAt = async (name: string): Promise<KnownDrive | undefined> => {
    const [stamp, asOf] = [await mediumStamp(join(sysDir, name)), hintCount];
    // taken away since it was listed; its node may stand a little longer, and would pass for another device
    if (stamp === undefined) return undefined;
    const before = known.get(name);
    const isSame = before?.stamp === stamp;
    // a drive that is looked at each time never comes to rest
    if (isSame && before.asOf === asOf) return before;
    const path = join(devDir, name.replaceAll('!', '/'));
    const read = async (): Promise<KnownDrive> => ({ stamp, asOf, candidate: await driveAt(path, stamp) });
    // whatever hints come, one that is silent is asked once
    const ask = (): ReturnType<typeof looks.ask> => looks.ask(`${name} ${stamp}`, read);
    let answer = await ask();
    if (answer !== undefined && answer.found.asOf !== asOf) answer = await ask();
    return answer?.found ?? (isSame ? before : undefined);
  };
  return {
    list: async () => {
      const names = (await readdir(sysDir)).filter((name) => !NO_DRIVE.test(name));
      const seen = await Promise.all(names.map(async (name) => [name, await lookAt(name)] as const));
      known = new Map(seen.flatMap(([name, drive]) => (drive === undefined ? [] : [[name, drive]])));
      return [...known.values()].flatMap(({ candidate }) => candidate ?? []);
    },
    hints: merge(
      udevHints(monitor).pipe(
        tap(() => {
          hintCount += 1;
        }),
      ),
      looks.late,
    ),
  };
}

/** A drive that was read. */
interface KnownDrive {
  readonly stamp: string;
  /** How many hints there had been. */
  readonly asOf: number;
  readonly candidate: Candidate | undefined;
}

/** One that was taken away and put back while nobody could look, as the computer slept, is another one: it may hold more by now. */
async function driveAt(path: string, stamp: string): Promise<Candidate | undefined> {
  const found = await candidateAt(path);
  return found === undefined ? undefined : { ...found, fingerprint: `${found.fingerprint} ${stamp}` };
}

/** A block device or image file with the label of a pod's device; undefined for anything else, also for what cannot be read. */
export async function candidateAt(path: string): Promise<Candidate | undefined> {
  try {
    const superblock = await readSuperblock(path);
    if (superblock?.label !== DEVICE_LABEL) return undefined;
    return { path, fingerprint: superblock.uuid };
  } catch (error) {
    // plugged in or out at this moment, without a card in it, failing, or not this user’s
    if ((error as NodeJS.ErrnoException).code === undefined || isOutOfMeans(error)) throw error;
    return undefined;
  }
}

/** One for each event of a block device that udev has worked on. None where there is no udev: then the time says when to look. */
function udevHints(program: string): Observable<unknown> {
  return new Observable((subscriber) => {
    const stop = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const monitor = (): void => {
      const monitoring = run(program, MONITOR, {
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
