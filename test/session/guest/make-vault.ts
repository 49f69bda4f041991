// Makes a LUKS vault on the device that the argument names, to be killed while it does.
import { randomBytes } from 'node:crypto';
import { mountDevice } from '../../../src/session/device/device.ts';
import { chooseVault } from '../../../src/session/vault/vault.ts';

/** It is killed by then. */
const LIFE_MS = 60_000;

const { mountDir, staging } = await mountDevice(process.argv[2] ?? '', { isFresh: true });
await chooseVault('luks', { mountDir, stagingId: staging.id }).create(randomBytes(64));
setTimeout(() => undefined, LIFE_MS);
