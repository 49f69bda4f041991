// Allowing a home to take over by itself what lies sealed on a device, and if its owner says so, to read it.
import { DeskPodError } from '../../core/errors.ts';
import { requireLabel, requireRoom } from '../../core/key-slots.ts';
import { isTwinUrl } from '../home/home-url.ts';
import { addHomeSlot } from '../keyring/keyring-file.ts';
import type { Credential } from '../keyring/unlock.ts';
import { commit, type KeyChangeReport, prove } from './change-keys.ts';
import type { Pod } from './pod.ts';

/** What a home is to be allowed. */
export interface HomeAllowance {
  /** As the pod knows it. */
  readonly url: string;
  /** `age1…`: what `deskpod home identity` prints on the computer that home is. */
  readonly recipient: string;
  readonly mayRead: boolean;
}

/**
 * Gives a home a slot of the keyring, in the place of any that it had. What opens the pod must be shown.
 *
 * @throws DeskPodError HOME_UNKNOWN; PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, SPACE_EXHAUSTED; USAGE for what is no recipient,
 * for a twin, and a full keyring. Nothing has changed then.
 */
export async function allowHome(
  pod: Pod,
  credential: Credential,
  { url, recipient, mayRead }: HomeAllowance,
): Promise<KeyChangeReport> {
  if (isTwinUrl(url)) {
    throw new DeskPodError('USAGE', `${url} is a twin, which takes nothing over by itself`, {
      hint: 'Sync to it, or start it when the device is lost.',
    });
  }
  if (!pod.state.homes.some((home) => home.url === url)) {
    throw new DeskPodError('HOME_UNKNOWN', `${url} is not a home of this pod`, {
      hint: 'Add it first with `deskpod home add URL`; `deskpod home list` shows those that there are.',
    });
  }
  requireLabel(url);
  const proven = await prove(pod, credential);
  const { slots } = proven.keyring;
  const replaced = slots.flatMap(({ kind, label }, index) =>
    kind === 'home' && label === url ? [index] : [],
  );
  if (replaced.length === 0) requireRoom(slots);
  const slot = { label: url, createdAtMs: Date.now(), url, recipient, mayRead };
  // nobody here has home's identity: that the slot opens is seen at home
  return commit(pod, proven, await addHomeSlot(proven, slot, replaced), undefined);
}
