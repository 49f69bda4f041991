// As root: a running desktop survives losing its drive.

import { randomFillSync } from 'node:crypto';
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { openRfb, type RfbClient } from '../../src/session/rfb/client.ts';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { Person } from '../user/person.ts';
import { listTree } from './listing.ts';
import type { Stage } from './main.ts';
import { proveChain } from './proofs.ts';

const UNSAVED_TEXT = 'These words are in no file: they live in the memory of a running editor.';
const COPIED_CHARACTERS = 15;
const COUNTING = 'i=0; while :; do i=$((i+1)); printf "\\033]0;counted %d\\007%d\\n" $i $i; sleep 0.2; done';
const OVERWRITE_BYTES = 4 << 20;
const RFB_TIMEOUT_MS = 10_000;

/** Creates a pod, works in it, suspends, syncs, destroys the device, restores, resumes, and proves that nothing is lost. */
export async function demonstrateDesktop(stage: Stage): Promise<void> {
  const { narration, program, signal } = stage;
  const { dir, device, newDevice } = stage.workplace;
  const home = join(dir, 'home');
  const pictures = fileURLToPath(new URL('../../out/demo/', import.meta.url));
  await mkdir(pictures, { recursive: true });

  narration.step('creating a pod on an image file of 800 MB: ext4, encrypted vault, keyring');
  const created = await program.json<{ podId: string; recoveryKey: string }>(
    'create',
    device,
    '--size',
    '800M',
  );
  narration.step(`its recovery key: ${created.recoveryKey}`);
  await program.json('home', 'add', home, '-d', device);

  narration.step('starting a desktop behind the barrier');
  const started = await program.json<StartReport>('start', device, '--no-view');
  narration.measure('startMs', started.firstPixelMs);
  const display = await connectTo(stage, device);
  const person = new Person(program, device, display, signal);

  narration.step('typing into an editor without saving, copying, and letting a shell count');
  const terminal = await person.open('XTerm', 'xterm', '-geometry', '60x18+20+40', '-e', 'bash', '--norc');
  await person.typeInto(terminal, `${COUNTING}\n`);
  const editor = await person.open('Mousepad', 'mousepad');
  await person.typeInto(editor, UNSAVED_TEXT);
  await person.press('ctrl+Home');
  for (let count = 0; count < COPIED_CHARACTERS; count += 1) await person.press('shift+Right');
  await person.press('ctrl+c');
  const copied = UNSAVED_TEXT.slice(0, COPIED_CHARACTERS);
  await person.until(
    async () => ((await person.clipboard().catch(() => '')) === copied ? true : undefined),
    'the copied text',
  );
  await person.until(async () => ((await person.counter()) ?? 0) > 3 || undefined, 'a counter above 3');
  await writeFile(join(pictures, 'before.png'), await display.screenshot());
  const processesBefore = await person.processes();
  const countBefore = (await person.counter()) ?? Number.NaN;
  display.close();

  narration.step('suspending');
  const suspendCalledMs = performance.now();
  const suspended = await program.json<CheckpointReport>('suspend', '-d', device);
  const countingMs = performance.now() - suspendCalledMs;
  narration.measure('pauseMs', suspended.pauseMs);
  narration.measure('suspendMs', suspended.suspendMs);
  narration.measure('safeToUnplugMs', suspended.durableMs);
  narration.measure('imageBytes', suspended.imageBytes);
  narration.measure('deviceBytesWritten', suspended.deviceBytes ?? 0);

  narration.step('syncing home with rsync');
  const synced = await program.json<{ homes: SyncReport[] }>('sync', '-d', device);
  narration.measure('syncMs', synced.homes[0]?.durationMs ?? 0);
  narration.measure('homeBytes', synced.homes[0]?.sentBytes ?? 0);
  const filesBefore = await listLayer(stage, device);

  narration.step('overwriting the device with random bytes, and removing it');
  await destroy(device, signal);

  narration.step('restoring from home to a new device of 1 GB');
  const restored = await program.json<{ durationMs: number }>(
    ...['restore', '--from', home, '--pod', created.podId, '--to', newDevice, '--size', '1G', '--yes'],
  );
  narration.measure('restoreMs', restored.durationMs);
  const filesAfter = await listLayer(stage, newDevice);
  if (filesBefore !== filesAfter) {
    await writeFile(join(pictures, 'files-before.txt'), filesBefore, 'latin1');
    await writeFile(join(pictures, 'files-after.txt'), filesAfter, 'latin1');
  }
  narration.prove(
    'files',
    filesBefore === filesAfter,
    'every file of the layer with its metadata is identical',
  );

  narration.step('resuming');
  const resumed = await program.json<StartReport>('start', newDevice, '--no-view');
  narration.measure('unlockMs', resumed.unlockMs);
  narration.measure('resumeMs', resumed.resumeMs);
  narration.measure('firstPixelMs', resumed.firstPixelMs);
  const newDisplay = await connectTo(stage, newDevice);
  await writeFile(join(pictures, 'after.png'), await newDisplay.screenshot());
  const later = new Person(program, newDevice, newDisplay, signal);

  narration.prove(
    'processes',
    (await later.processes()) === processesBefore,
    'the same processes with the same ids inside',
  );
  const countAfter = (await later.counter()) ?? Number.NaN;
  // Five counts a second: it cannot have counted more than that while it still ran, nor while we looked again.
  const mostCounts = countBefore + 5 * (countingMs / 1000 + 10);
  const wentOn = countAfter >= countBefore && countAfter <= mostCounts;
  narration.prove(
    'counter',
    wentOn,
    `the shell had counted to ${countBefore}, and goes on from there: ${countAfter}`,
  );
  const climbs = await later.until(
    async () => ((await later.counter()) ?? 0) > countAfter || undefined,
    'a higher count',
  );
  narration.prove('counterRuns', climbs, 'it counts on');
  narration.prove('clipboard', (await later.clipboard()) === copied, `the clipboard still holds "${copied}"`);
  await later.typeInto(editor, '');
  await later.press('ctrl+a');
  await later.press('ctrl+c');
  const outcome = await later
    .expect(
      // nobody owns the clipboard for a moment as the editor takes it
      () => later.clipboard().catch(String),
      (text) => text === UNSAVED_TEXT,
      'the editor to hold the text that was never saved',
      60_000,
    )
    .catch((error: unknown) => String(error));
  signal.throwIfAborted();
  const isWhole = outcome === UNSAVED_TEXT;
  narration.prove(
    'unsavedText',
    isWhole,
    isWhole ? 'the editor still holds the text that was never saved' : outcome,
  );
  newDisplay.close();
  await proveChain(narration, program, newDevice);
  await program.json('suspend', '-d', newDevice);
  narration.note('screenshotBefore', join(pictures, 'before.png'));
  narration.note('screenshotAfter', join(pictures, 'after.png'));
}

async function connectTo({ program }: Stage, device: string): Promise<RfbClient> {
  const { rootPid } = await program.json<StatusReport>('status', '-d', device);
  if (rootPid === undefined) throw new Error('the session has no process');
  return openRfb(await connectToSession(rootPid, 'rfb'), { timeoutMs: RFB_TIMEOUT_MS });
}

async function listLayer({ passphraseFile, signal }: Stage, device: string): Promise<string> {
  signal.throwIfAborted();
  const passphrase = (await readFile(passphraseFile, 'utf8')).trim();
  const desktop = await Desktop.take(await openDevice(device, { passphrase }), () => undefined);
  try {
    return await listTree(desktop.root.layerDir);
  } finally {
    await desktop.close();
  }
}

async function destroy(device: string, signal: AbortSignal): Promise<void> {
  const { size } = await stat(device);
  const noise = Buffer.alloc(OVERWRITE_BYTES);
  const file = await open(device, 'r+');
  try {
    for (let offset = 0; offset < size; offset += noise.length) {
      signal.throwIfAborted();
      randomFillSync(noise);
      await file.write(noise, 0, Math.min(noise.length, size - offset), offset);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(device);
}
