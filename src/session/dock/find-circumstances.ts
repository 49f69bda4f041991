// What is so on this computer: what the network costs, the battery, other backups. What cannot be found out hinders nothing.
import { join } from 'node:path';
import type { Circumstances } from '../../core/circumstances.ts';
import { ProcessError, run } from '../../sync/process.ts';
import { namesIn, textIn } from '../host/kernel-files.ts';

/** Another program that backs up here: seen by its name, or by a file with its process id. */
export interface OtherBackup {
  readonly name: string;
  /** As /proc/PID/comm has it. */
  readonly program?: string;
  readonly lockFile?: string;
}

/** Programs that read or write as much as we do; what deskpod itself does waits for its own locks. */
export const OTHER_BACKUPS: readonly OtherBackup[] = [
  'restic',
  'borg',
  'duplicity',
  'rsnapshot',
  'kopia',
].map((program) => ({ name: program, program }));

/** Where facts are found; tests give other places. */
export interface FactPlaces {
  readonly powerDir: string;
  readonly procDir: string;
  readonly others: readonly OtherBackup[];
  /** Of the bus on which NetworkManager answers; the system's own if left out. */
  readonly busAddress?: string;
}

const HERE: FactPlaces = { powerDir: '/sys/class/power_supply', procDir: '/proc', others: OTHER_BACKUPS };
const BUS_TIMEOUT_MS = 3000;
/** NetworkManager's words for a connection that costs by the byte: yes, and yes as it guesses. */
const METERED: ReadonlySet<number> = new Set([1, 3]);

/** Looks at this computer. */
export async function findCircumstances(given: Partial<FactPlaces> = {}): Promise<Circumstances> {
  const places = { ...HERE, ...given };
  const [isMetered, batteryLeft, otherBackups] = await Promise.all([
    askMetered(places.busAddress),
    readBattery(places.powerDir),
    findOthers(places),
  ]);
  return { isMetered, batteryLeft, otherBackups };
}

/** Asks NetworkManager; undefined where it does not run. */
async function askMetered(busAddress: string | undefined): Promise<boolean | undefined> {
  for (const [program, args] of meteredQuestions(busAddress)) {
    try {
      const { stdout } = await run(program, args, { timeoutMs: BUS_TIMEOUT_MS });
      const answer = /\bu(?:int32)? (\d+)/.exec(stdout)?.[1];
      return answer === undefined ? undefined : METERED.has(Number(answer));
    } catch (error) {
      if (!(error instanceof ProcessError)) throw error;
      if (!error.notFound) return undefined;
    }
  }
  return undefined;
}

/** The same question by either program: systemd brings one, most desktops the other. */
function meteredQuestions(busAddress: string | undefined): readonly (readonly [string, readonly string[]])[] {
  const [service, path] = ['org.freedesktop.NetworkManager', '/org/freedesktop/NetworkManager'];
  const bus = busAddress === undefined ? '--system' : `--address=${busAddress}`;
  const get = ['--method', 'org.freedesktop.DBus.Properties.Get', service, 'Metered'];
  return [
    ['busctl', [bus, 'get-property', service, path, service, 'Metered']],
    ['gdbus', ['call', bus, '--dest', service, '--object-path', path, ...get]],
  ];
}

/** What the batteries have left, if all that there are discharge or stand still and no mains is plugged in. */
async function readBattery(powerDir: string): Promise<number | undefined> {
  let [nowSum, fullSum] = [0, 0];
  for (const name of await namesIn(powerDir)) {
    const read = (file: string): Promise<string | undefined> => textIn(join(powerDir, name, file));
    const type = await read('type');
    if (type === 'Mains' && (await read('online')) === '1') return undefined;
    // what is in a mouse or headset is a battery, too
    if (type !== 'Battery' || (await read('scope')) === 'Device') continue;
    if ((await read('status')) === 'Charging') return undefined;
    const capacity = Number(await read('capacity'));
    if (!Number.isFinite(capacity)) continue;
    nowSum += capacity;
    fullSum += 100;
  }
  return fullSum === 0 ? undefined : nowSum / fullSum;
}

async function findOthers({ procDir, others }: FactPlaces): Promise<string[]> {
  const running = new Set<string>();
  const pids = new Set<number>();
  for (const pid of await namesIn(procDir)) {
    if (!/^\d+$/.test(pid)) continue;
    pids.add(Number(pid));
    const program = await textIn(join(procDir, pid, 'comm'));
    if (program !== undefined) running.add(program);
  }
  const found: string[] = [];
  for (const { name, program, lockFile } of others) {
    const holder = lockFile === undefined ? undefined : await textIn(lockFile);
    const isHeld = holder !== undefined && pids.has(Number.parseInt(holder, 10));
    if (isHeld || (program !== undefined && running.has(program))) found.push(name);
  }
  return found;
}
