// One application in a session of its own: given state, suspended, resumed on a fresh mount, and proven to go on.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartReport, StatusReport } from '../../src/session/operation/operations.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { openRfb, type RfbClient } from '../../src/session/rfb/client.ts';
import type { CheckpointReport } from '../../src/sync/pod/seal-checkpoint.ts';
import { Person } from '../user/person.ts';
import { CommandFailure, type Program } from '../user/program.ts';
import type { Application } from './application.ts';
import { processesNamed, requireSame } from './processes.ts';
import type { Row } from './report.ts';

const RFB_TIMEOUT_MS = 30_000;
const LONGEST_CAUSE = 300;

/** What a trial works with: a pod on the application's base, without a session. */
export interface Bench {
  readonly program: Program;
  readonly device: string;
  /** Where a picture of the screen goes if the application fails. */
  readonly picturesDir: string;
  readonly signal: AbortSignal;
  readonly onStep: (step: string) => void;
}

/** Tries one application. Rejects only if the trial itself is interrupted; afterwards no session runs. */
export async function tryApplication(bench: Bench, application: Application): Promise<Row> {
  const { program, device } = bench;
  const found: { -readonly [Key in keyof Row]?: Row[Key] } = {};
  try {
    await goThrough(bench, application, found);
    found.cause = null;
  } catch (error) {
    bench.signal.throwIfAborted();
    found.cause = causeOf(error);
  }
  try {
    await program.json('stop', '-d', device);
  } catch (error) {
    bench.signal.throwIfAborted();
    // After a failed resume there is nothing to stop.
    found.cause ??= causeOf(error);
  }
  const { version = null, pauseMs = null, resumeMs = null, imageBytes = null, cause = null } = found;
  const { name: app, label, state } = application;
  return { app, label, version, state, ok: cause === null, pauseMs, resumeMs, imageBytes, cause };
}

async function goThrough(
  bench: Bench,
  application: Application,
  found: { -readonly [Key in keyof Row]?: Row[Key] },
): Promise<void> {
  const { program, device, onStep } = bench;
  const { processName, packageName } = application;
  onStep('starting');
  await program.json('start', device, '--no-view', '--fresh');
  const [, version] = (await program.exec(device, 'dpkg-query', '-W', packageName)).split('\t');
  found.version = version ?? null;
  const [before, prove] = await atDisplay(bench, application, async (person) => {
    const proof = await application.begin(person);
    return [await processesNamed(person, processName), proof] as const;
  });
  if (before.length === 0) throw new Error(`no process is called ${processName}`);

  onStep('suspending');
  const suspended = await program.json<CheckpointReport>('suspend', '-d', device);
  found.pauseMs = suspended.pauseMs;
  found.imageBytes = suspended.imageBytes;
  onStep('resuming');
  const resumed = await program.json<StartReport>('start', device, '--no-view');
  found.resumeMs = resumed.resumeMs;

  onStep('proving');
  await atDisplay(bench, application, async (person) => {
    requireSame(before, await processesNamed(person, processName), resumed.resumeMs);
    await prove(person);
  });
}

/** Lets a person act at the display of the running session. */
async function atDisplay<Result>(
  { program, device, signal, picturesDir }: Bench,
  { name }: Application,
  act: (person: Person) => Promise<Result>,
): Promise<Result> {
  const { rootPid } = await program.json<StatusReport>('status', '-d', device);
  if (rootPid === undefined) throw new Error('the session has no process');
  const display: RfbClient = await openRfb(await connectToSession(rootPid, 'rfb'), {
    timeoutMs: RFB_TIMEOUT_MS,
  });
  try {
    return await act(new Person(program, device, display, signal));
  } catch (error) {
    if (!signal.aborted) await writeFile(join(picturesDir, `${name}.png`), await display.screenshot());
    throw error;
  } finally {
    display.close();
  }
}

/** In one line: CRIU's own words if it was CRIU. */
function causeOf(error: unknown): string {
  const told = error instanceof CommandFailure ? error.report : undefined;
  const criuLine = told?.details?.error;
  const message = told?.message ?? (error instanceof Error ? error.message : String(error));
  const text = typeof criuLine === 'string' ? `${message} (${criuLine})` : message;
  return text.replace(/\s+/g, ' ').trim().slice(0, LONGEST_CAUSE);
}
