// Waiting for what comes to pass without telling: it is looked for again and again.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 30_000;
const POLL_MS = 10;

/** Waits until a condition holds; fails when it does not in time. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await delay(POLL_MS)) {
    if (await holds()) return;
  }
  assert.fail('it did not come to pass in time');
}
