// Checking a home as a whole without any pod or key: every object of every pod against its name.
import { toHex } from '../../core/bytes.ts';
import { peekHead } from '../../core/head.ts';
import type { Home, TransferOptions } from '../home/home.ts';
import { openRsyncHome } from '../home/rsync-home.ts';
import { isDamage } from './damage.ts';
import { checkHomeObjects } from './home-objects.ts';

/** What was found of one pod at home. */
export interface HomePodCheck {
  readonly podId: string;
  readonly objectCount: number;
  readonly bytes: number;
  /** Paths below the pod's folder of objects whose bytes are not those of their names. */
  readonly damaged: readonly string[];
  /** What else is wrong: a head that is none, a keyring that is not there. Without a key no more can be told. */
  readonly faults: readonly string[];
  /** False if the home's own word was taken for its hashes. */
  readonly isFetched: boolean;
}

/**
 * Checks every pod at a home.
 * @throws DeskPodError HOME_NOT_FOUND, HOME_UNREACHABLE, CANCELLED
 */
export async function checkHome(
  url: string,
  mustFetch: boolean,
  options: TransferOptions = {},
): Promise<HomePodCheck[]> {
  const home = openRsyncHome(url);
  const { state, cause } = await home.probe();
  if (state !== 'ready') throw cause;
  const checks: HomePodCheck[] = [];
  for (const podId of await home.listPods()) checks.push(await checkPod(home, podId, mustFetch, options));
  return checks;
}

async function checkPod(
  home: Home,
  podId: string,
  mustFetch: boolean,
  options: TransferOptions,
): Promise<HomePodCheck> {
  // before the objects: what comes meanwhile is more, never less than this head needs
  const headBytes = await home.head(podId);
  const { present, damaged, isFetched, bytes } = await checkHomeObjects(home, podId, mustFetch, options);
  const faults = headFaults(podId, headBytes, present);
  return { podId, objectCount: present.size, bytes, damaged, faults, isFetched };
}

function headFaults(
  podId: string,
  bytes: Uint8Array | undefined,
  present: ReadonlyMap<string, number>,
): string[] {
  if (bytes === undefined) return ['head: expected one, got nothing: no sync to this home has ended yet'];
  try {
    const head = peekHead(bytes);
    if (toHex(head.podId) !== podId) return [`head: expected that of pod ${podId}, got another's`];
    const keyring = `keyrings/${toHex(head.keyring)}`;
    return present.has(keyring) ? [] : [`${keyring}: the head names it, and it is not there`];
  } catch (error) {
    if (!isDamage(error)) throw error;
    return [error.message];
  }
}
