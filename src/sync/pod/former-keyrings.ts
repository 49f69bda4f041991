// Keyrings that another one replaced: they open with keys that were taken away, so they do not stay where they lie.
import { toHex } from '../../core/bytes.ts';
import type { Pod } from './pod.ts';

/**
 * Takes every keyring from the device but the one that its head names. Only for a pod whose head names the keyring of
 * its log's end: until then the former one opens it.
 *
 * @returns how many there were
 */
export async function removeFormerKeyrings(pod: Pod): Promise<number> {
  const head = await pod.readHead();
  const inForce = pod.state.keyring;
  if (head === undefined || toHex(head.keyring) !== inForce) return 0;
  const former = (await pod.repository.listObjects('keyrings')).filter((name) => name !== inForce);
  for (const name of former) await pod.repository.removeObject('keyrings', name);
  return former.length;
}
