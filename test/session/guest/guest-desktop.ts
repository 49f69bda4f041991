// The desktop pod on a guest's third disk, and how its sessions are started.
import { Desktop } from '../../../src/session/pod/desktop.ts';
import { openDevice } from '../../../src/session/pod/open-device.ts';

export const DEVICE = '/dev/vdc';
/** Of the desktops of tests. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
export const START = { choice: 'default', geometry: { width: 1280, height: 800 } } as const;

/** On the guest's console. */
export const onProgress = ({ step }: { readonly step: string }): void => console.error(step);

/** Opens it. */
export async function takeDesktop(): Promise<Desktop> {
  return Desktop.take(await openDevice(DEVICE, CREDENTIAL), onProgress);
}
