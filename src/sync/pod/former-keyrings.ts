// Keyrings that another one replaced: they open with keys that were taken away, so they do not stay where they lie.
import { toHex } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import type { Home } from '../home/home.ts';
import type { Pod } from './pod.ts';

/** Where home stands when former keyrings are taken from it. */
export interface HomePosition {
  /** Whether what was just written there still decides which keyrings are needed. */
  readonly isOurs: () => Promise<boolean>;
  /** What was replaced up to this position of the log is gone from there. */
  readonly cleanSeq: number;
  /** Keyrings up to this position are of home's own history, which they are left to. */
  readonly madeAfterSeq: number;
}

/**
 * Takes every keyring from the device but the one that its head names. Does nothing before the head names the keyring of
 * the log's end: until then the former one opens the pod.
 *
 * @returns what could not be done, in sentences
 */
export async function removeFormerKeyrings(pod: Pod): Promise<string[]> {
  const head = await pod.readHead();
  const inForce = pod.state.keyring;
  if (head === undefined || toHex(head.keyring) !== inForce) return [];
  try {
    for (const name of await pod.repository.listObjects('keyrings')) {
      if (name !== inForce) await pod.repository.removeObject('keyrings', name);
    }
    return [];
  } catch (error) {
    return [`A former keyring stays on this device: ${messageOf(error)}. The next sync tries again.`];
  }
}

/**
 * Takes the keyrings from home that this pod's own log has replaced, and no others: a newer device of the pod may have
 * made some that it does not know. Home's head is read before, and must be the one that this device wrote; a branch takes away
 * only what was made in it.
 *
 * @returns what home did not let go of, in a sentence
 * @throws DeskPodError HOME_UNREACHABLE and the like: nobody knows then, and the next sync tries again
 */
export async function removeFormerAtHome(
  pod: Pod,
  home: Home,
  { isOurs, cleanSeq, madeAfterSeq }: HomePosition,
): Promise<string[]> {
  const { podId, keyring, formerKeyrings } = pod.state;
  const objects = formerKeyrings
    .filter(({ name, replacedSeq }, index) => {
      const madeSeq = formerKeyrings[index - 1]?.replacedSeq ?? 1;
      return replacedSeq > cleanSeq && madeSeq > madeAfterSeq && name !== keyring;
    })
    .map(({ name }) => `keyrings/${name}`);
  if (objects.length === 0) return [];
  const present = [...(await home.list(podId, objects)).keys()];
  if (present.length === 0) return [];
  if (!(await isOurs())) return [];
  try {
    await home.remove(podId, present);
    return [];
  } catch (error) {
    if (!(error instanceof DeskPodError)) throw error;
    // Whether home forbids it or is gone shows when it is asked again.
    if ((await home.list(podId, present)).size === 0) return [];
    return [
      `${home.url} keeps ${present.length} former keyrings, which removed keys still open (${error.message}). ` +
        `Remove them there by hand: ${present.join(', ')} in pods/${podId}.`,
    ];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
