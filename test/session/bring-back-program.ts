// Brings the layer of a pod's device back to a checkpoint, for a test that kills it meanwhile.
import { findCheckpoint } from '../../src/core/decide.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';

const [devicePath = '', passphrase = '', number = ''] = process.argv.slice(2);
const quiet = (): void => undefined;
const desktop = await Desktop.take(await openDevice(devicePath, { passphrase }), quiet);
const target = findCheckpoint(desktop.pod.state, Number(number));
await desktop.root.bringBack(target, await desktop.root.measureBack(target), quiet);
await desktop.close();
