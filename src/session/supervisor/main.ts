// The supervisor's process: takes its order from stdin, answers once on stdout, and stays until the session ends.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { browsePod } from '../../sync/browse/browsed-pod.ts';
import { readPicture } from '../../sync/browse/checkpoint-picture.ts';
import { findStaging } from '../device/device.ts';
import { failedOutcome, type HookedStep, hooksOf } from '../hooks/step-hooks.ts';
import { factsOf, steppedDesktop } from '../hooks/steps.ts';
import type { StartReport } from '../operation/operations.ts';
import { Desktop } from '../pod/desktop.ts';
import { openDevice } from '../pod/open-device.ts';
import { releasePulledOut } from '../pod/release.ts';
import { type StartChoice, type StartedSession, targetOf } from '../pod/start-choice.ts';
import { requireLease } from '../twin/lease-twin.ts';
import type { LaunchOrder } from './launch.ts';
import { recordAbout, tell } from './record.ts';
import { Supervisor } from './supervisor.ts';
import { type LaunchLine, toWireError } from './wire.ts';

// CRIU's half-made processes, which are not the host's root, read the images that CRIU writes: whoever starts us may be used to
// keeping files to himself. What others must not see lies in folders that they cannot enter.
process.umask(0o022);

// Whoever started it may be gone before it has said everything.
process.stdout.on('error', () => undefined);

function say(line: LaunchLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function readOrder(): Promise<LaunchOrder> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return JSON.parse(Buffer.concat(pieces).toString('utf8')) as LaunchOrder;
}

async function launch(order: LaunchOrder): Promise<{ supervisor: Supervisor; report: StartReport }> {
  const { devicePath, credential, mode } = order;
  recordAbout(devicePath);
  const { supervisorSocket } = await findStaging(devicePath);
  // What cannot be let go of hinders no other device.
  const tellOfPulled = (error: unknown): void => tell('a pulled drive', error);
  if (mode === 'start') await releasePulledOut(tellOfPulled).catch(tellOfPulled);
  const onPromotion: ProgressListener = (progress) => say({ progress });
  const opened = await openDevice(devicePath, credential, {
    willMount: mode === 'start',
    ...(order.promotes === true ? { onPromotion } : {}),
  });
  const desktop = await Desktop.take(opened, (progress) => say({ progress }));
  try {
    if (mode === 'start') requireLease(desktop.pod.state, Date.now());
    const hooks = hooksOfStart(desktop, order);
    let started: StartedSession;
    try {
      await hooks?.before();
      started = await startOrAdopt(desktop, order);
    } catch (error) {
      if (hooks !== undefined) tellOfHooks(await hooks.after(failedOutcome(error)));
      throw error;
    }
    const supervisor = new Supervisor(desktop);
    // the desktop does not wait for them
    const outcome = { isDone: true, facts: factsOf('start', started) } as const;
    if (hooks !== undefined) supervisor.keepFor(hooks.after(outcome).then(tellOfHooks));
    const pictureMs = mode === 'start' ? await supervisor.firstPicture() : 0;
    await supervisor.serve(supervisorSocket);
    const { podId } = desktop.pod.state;
    const { notice, promotion } = opened;
    const warnings = [
      ...(notice === undefined ? [] : [notice]),
      ...(promotion?.warnings ?? []),
      ...started.warnings,
      ...(await desktop.networkWarnings()),
    ];
    return {
      supervisor,
      report: {
        ...started,
        podId,
        warnings,
        firstPixelMs: started.resumeMs + pictureMs,
        unlockMs: desktop.unlockMs,
        ...(promotion === undefined ? {} : { promotion }),
      },
    };
  } catch (error) {
    const told = await desktop.explain(error);
    await desktop.close().catch((closing: unknown) => {
      // The first failure is the one to tell; whoever opens the pod next frees the device.
      tell('closing after a failure', closing);
    });
    throw told;
  }
}

async function startOrAdopt(desktop: Desktop, { mode, start, wantsPicture }: LaunchOrder) {
  if (mode === 'start' && start !== undefined) {
    const started = new AbortController();
    const told = wantsPicture === true ? tellPicture(desktop, start, started.signal) : undefined;
    try {
      return await desktop.start(start, (progress) => say({ progress }));
    } finally {
      started.abort();
      await told;
    }
  }
  if (desktop.session === undefined) {
    throw new DeskPodError('SESSION_LOST', 'the session ended before it could be taken over', {
      hint: 'Start the pod again with `deskpod start`.',
    });
  }
  return { resumedCheckpoint: undefined, resumeMs: 0, warnings: [], tier: desktop.tier ?? 'namespaces' };
}

/** Which hooks a start has is known once it is known whether a session goes on. */
function hooksOfStart(desktop: Desktop, { mode, start }: LaunchOrder): HookedStep | undefined {
  if (mode !== 'start' || start === undefined) return undefined;
  const isResumed = targetOf(desktop.pod.state, start)?.images !== undefined;
  return hooksOf(steppedDesktop(desktop), isResumed ? 'resume' : 'start', {
    onProgress: (progress) => say({ progress }),
  });
}

/** Nobody waits for those that come after a start. */
function tellOfHooks(warnings: readonly string[]): void {
  for (const warning of warnings) tell('a hook after the start', warning);
}

/** What the screen showed goes ahead of the session that comes back; without it that comes back all the same. */
async function tellPicture(desktop: Desktop, asked: StartChoice, signal: AbortSignal): Promise<void> {
  try {
    const target = targetOf(desktop.pod.state, asked);
    if (target?.images === undefined) return;
    const pod = browsePod(desktop.pod);
    const { pngBase64 } = await readPicture(pod, { number: target.number }, { signal });
    say({ picture: { pngBase64 } });
  } catch (error) {
    if (!signal.aborted && !isDeskPodError(error, 'PICTURE_NOT_FOUND')) tell('the last picture', error);
  }
}

try {
  const { supervisor, report } = await launch(await readOrder());
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    // A host that shuts down ends its processes: the session is saved, not lost.
    process.on(signal, () => {
      supervisor.suspend({ hurries: true }).catch((error: unknown) => tell(`suspend at ${signal}`, error));
    });
  }
  say({ result: report });
  await supervisor.ended;
  // What may still be open (a viewer's last connection, a command's) is of no use any more.
  process.exit(0);
} catch (error) {
  say({ error: toWireError(error) });
  process.exitCode = 1;
}
