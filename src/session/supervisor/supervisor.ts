// The supervisor of one running session: answers for the pod, shows the session, and ends when the session ends.
import type { Server } from 'node:http';
import type { Subscription } from 'rxjs';
import { type Doubt, describeDoubt } from '../../core/checkpoint-doubt.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { browsePod } from '../../sync/browse/browsed-pod.ts';
import type { CheckpointReport } from '../../sync/pod/seal-checkpoint.ts';
import { HURRIED_HOOK_MS, withHooks } from '../hooks/step-hooks.ts';
import { steppedDesktop } from '../hooks/steps.ts';
import { desktopOperations, type SupervisedName } from '../operation/desktop-operations.ts';
import type { OperationName } from '../operation/operations.ts';
import type { Handlers } from '../operation/pod-operations.ts';
import { streamOperations } from '../operation/stream-operations.ts';
import { afterwards } from '../pod/afterwards.ts';
import type { Desktop } from '../pod/desktop.ts';
import { openDisplayLink } from '../process/display-link.ts';
import { isAlive, type ProcessSession } from '../process/processes.ts';
import { connectToSession } from '../process/session-socket.ts';
import { openSoundLink } from '../process/sound-link.ts';
import { openRfb } from '../rfb/client.ts';
import { type Clock, HOST_CLOCK } from '../schedule/clock.ts';
import { readIdleMs } from '../schedule/idle-time.ts';
import { SCHEDULED_WORK, ScheduleRunner } from '../schedule/schedule-runner.ts';
import { makeRoomFor, sealWithRoom } from '../schedule/seal-with-room.ts';
import { serveViewer, type Viewer } from '../viewer/server.ts';
import { answerExec } from './exec-stream.ts';
import { following } from './follow.ts';
import { GivingWay } from './giving-way.ts';
import { HistoryFetch } from './history-fetch.ts';
import { OpenReads } from './read-stream.ts';
import { tell } from './record.ts';
import { type Operation, type StreamOperation, serveSupervisor } from './server.ts';
import { Turns } from './turns.ts';
import { ViewerNotices } from './viewer-notices.ts';
import { ViolationNotes } from './violation-notes.ts';
import { Works } from './works.ts';

const WATCH_INTERVAL_MS = 500;
const DISPLAY_TIMEOUT_MS = 10_000;
/** Who suspends waits to unplug. */
const SUSPEND_ROOM_MS = 20_000;
/** Operations that only look: they wait for nothing. */
const READS: ReadonlySet<string> = new Set([
  'status',
  'log',
  'timeline',
  'checkpoints',
  'home-list',
  'key-list',
  'schedule-list',
]);
const SILENT: ProgressListener = () => undefined;
const SUSPENDED = { state: 'suspended', text: 'Safe to unplug.' } as const;
const PULLED_OUT = {
  state: 'ended',
  text: 'The drive was pulled out, and the session has ended. Plug it in again and start: all that was saved is there.',
} as const;
const WAITS_IN_MEMORY = {
  state: 'ended',
  text: 'The session could not be stored, and waits in the memory of this computer. Keep it on and the device plugged in, and start the pod again: it is stored first.',
} as const;
const ENDED = { state: 'ended', text: 'The session has ended. Safe to unplug.' } as const;

/** Owns a desktop while its session runs. */
export class Supervisor {
  readonly #desktop: Desktop;
  readonly #ended = Promise.withResolvers<void>();
  #viewer: Viewer | undefined;
  #server: Server | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** The session whose end was noticed, and waits its turn. */
  #mourned: ProcessSession | undefined;
  readonly #reads = new OpenReads();
  readonly #turns = new Turns();
  readonly #works = new Works();
  /** Steps with their hooks, for as long as those run. */
  readonly #hooks = new Set<Promise<unknown>>();
  /** A suspend that no command has asked for, while it is under way. */
  #suspending: Promise<void> | undefined;
  readonly #schedules: ScheduleRunner;
  #keeping: Subscription | undefined;
  readonly #finishing = new AbortController();
  readonly #givingWay: GivingWay;
  readonly #violations: ViolationNotes;
  readonly #history: HistoryFetch;
  readonly #notices = new ViewerNotices(() => this.#viewer?.notify(this.#notices.text));

  constructor(desktop: Desktop, clock: Clock = HOST_CLOCK) {
    this.#desktop = desktop;
    this.#givingWay = new GivingWay(desktop.pod, clock, {
      turn: () => this.#turns.take('suspend', async () => undefined),
      suspend: () => this.suspend(),
      notify: (notice) => this.#notices.set('twin', notice),
    });
    this.#history = new HistoryFetch({
      ...{ pod: desktop.pod, turns: this.#turns, works: this.#works },
      notify: (notice) => this.#notices.set('history', notice),
    });
    this.#violations = new ViolationNotes(desktop, this.#turns);
    this.#schedules = new ScheduleRunner(
      {
        pod: desktop.pod,
        inTurn: (act) => this.#turns.take(SCHEDULED_WORK, act, { isPatient: true }),
        seal: (isWanted) =>
          this.#hooked('checkpoint', SILENT, () =>
            this.#turns.take(
              SCHEDULED_WORK,
              async (signal) => (isWanted() ? this.#sealOnSchedule(signal) : undefined),
              { isPatient: true },
            ),
          ),
        idleMs: async () => (desktop.session === undefined ? undefined : readIdleMs(desktop.session.rootPid)),
        onFailure: tell,
      },
      clock,
    );
  }

  /** Listens on the pod's socket and watches the session. */
  async serve(socketPath: string): Promise<void> {
    const handlers: Handlers<OperationName> = desktopOperations(
      this.#desktop,
      this.#supervised(),
      () => this.#viewer?.presence,
      () => this.#schedules.report,
      () => this.#history.failure,
    );
    const operations: Record<string, Operation> = { ping: async () => ({}) };
    for (const [name, handler] of Object.entries(handlers)) {
      const run = handler as Operation;
      operations[name] = READS.has(name)
        ? run
        : (parameters, onProgress) =>
            this.#hooked(name, onProgress, () =>
              this.#turns.take(name, (signal) =>
                this.#works.do(name, onProgress, (listener) =>
                  this.#explained(() => run(parameters, listener, signal)),
                ),
              ),
            );
    }
    const streams: Record<string, StreamOperation> = {
      exec: (request, response) => answerExec(this.#desktop, request, response),
      follow: this.#reads.serving(following(this.#desktop.pod, this.#works)),
    };
    for (const [name, read] of Object.entries(streamOperations(browsePod(this.#desktop.pod))))
      streams[name] = this.#reads.serving(read);
    this.#server = await serveSupervisor(socketPath, { operations, streams });
    this.#watch = setInterval(() => {
      this.#look().catch((error: unknown) => tell('watching the session', error));
    }, WATCH_INTERVAL_MS);
    this.#keeping = this.#schedules.begin();
    void this.#history.run(this.#finishing.signal);
  }

  /** Settles when the session has ended, the device is free, and the hooks of that have been run. */
  get ended(): Promise<void> {
    return this.#ended.promise.then(async () => {
      await Promise.allSettled(this.#hooks);
    });
  }

  /** Keeps the supervisor there until hooks have been run that nobody waits for. */
  keepFor(hooks: Promise<unknown>): void {
    this.#hooks.add(hooks);
    const forget = (): boolean => this.#hooks.delete(hooks);
    hooks.then(forget, forget);
  }

  /**
   * Suspends in turn; nothing happens if that is under way or done. `hurries` is for a host that shuts down: no hook stops it
   * then, and none has long.
   */
  async suspend({ hurries = false } = {}): Promise<void> {
    const underWay = this.#suspending;
    if (underWay !== undefined && !hurries) return underWay;
    await underWay?.catch((error: unknown) => tell('a suspend before the host shuts down', error));
    if (this.#desktop.session === undefined) return;
    this.#suspending = this.#suspendInTurn(hurries);
    try {
      await this.#suspending;
    } finally {
      this.#suspending = undefined;
    }
  }

  async #suspendInTurn(hurries: boolean): Promise<void> {
    try {
      await this.#hooked(
        'suspend',
        SILENT,
        () =>
          this.#turns.take('suspend', () =>
            this.#works.do('suspend', SILENT, (tellProgress) => this.#suspend(tellProgress, hurries)),
          ),
        hurries ? HURRIED_HOOK_MS : undefined,
      );
    } catch (error) {
      if (!isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) throw error;
    }
  }

  /** The time that the display took to show a whole picture, in milliseconds. */
  async firstPicture(): Promise<number> {
    const startedMs = performance.now();
    const session = this.#desktop.session;
    if (session === undefined) return 0;
    const display = await openRfb(await connectToSession(session.rootPid, 'rfb'), {
      timeoutMs: DISPLAY_TIMEOUT_MS,
    });
    try {
      await display.requestUpdate();
      return performance.now() - startedMs;
    } finally {
      display.close();
    }
  }

  /** Hooks are run outside of the turn: those that come after can ask this supervisor for something. */
  #hooked<Answer>(
    name: string,
    onProgress: ProgressListener,
    act: () => Promise<Answer>,
    hurriesMs?: number,
  ): Promise<Answer> {
    const options = { onProgress, ...(hurriesMs === undefined ? {} : { hurriesMs }) };
    const hooked = withHooks(steppedDesktop(this.#desktop), name, options, act);
    this.keepFor(hooked);
    return hooked;
  }

  async #explained<Result>(act: () => Promise<Result>): Promise<Result> {
    try {
      return await act();
    } catch (error) {
      throw await this.#desktop.explain(error);
    }
  }

  /** A session that was just ended, and waits to be mourned, has nothing to checkpoint. */
  async #sealOnSchedule(signal: AbortSignal): Promise<CheckpointReport | undefined> {
    const { session, pod } = this.#desktop;
    if (session === undefined || !isAlive(session)) return undefined;
    return this.#works.do('checkpoint', SILENT, (onProgress) =>
      this.#explained(() =>
        sealWithRoom(pod, { onProgress, signal }, () =>
          this.#desktop.checkpoint(onProgress, 'stop', 'schedule'),
        ),
      ),
    );
  }

  #supervised(): Handlers<SupervisedName> {
    return {
      suspend: (_parameters, onProgress) => this.#suspend(onProgress),
      stop: async () => {
        await this.#viewer?.disconnectAll({ state: 'ended', text: 'The session is being ended.' });
        await this.#desktop.stop();
        await this.#finish('ended');
        return {};
      },
      view: async () => {
        this.#viewer ??= await this.#openViewer();
        return { url: this.#viewer.issueUrl() };
      },
      screenshot: async () => ({ pngBase64: Buffer.from(await this.#screenshot()).toString('base64') }),
    };
  }

  /** A host that shuts down gives no time to make room in. */
  async #suspend(onProgress: ProgressListener, hurries = false): Promise<CheckpointReport> {
    const told = hurries ? [] : await makeRoomFor(this.#desktop.pod, onProgress, SUSPEND_ROOM_MS);
    let report: CheckpointReport;
    try {
      report = await this.#withoutViewers(() => this.#desktop.suspend(onProgress));
    } catch (error) {
      if (this.#desktop.session === undefined) await this.#finish('ended');
      throw error;
    }
    const lockedMs = performance.now();
    onProgress({ step: 'locking the vault' });
    await this.#finish('suspended', report.doubt);
    const durableMs = report.durableMs + performance.now() - lockedMs;
    return { ...report, durableMs, warnings: [...report.warnings, ...told] };
  }

  /** What is seen and typed meanwhile would be lost; if the session still runs afterwards, viewers come back. */
  async #withoutViewers<Result>(act: () => Promise<Result>): Promise<Result> {
    this.#notices.set('suspend', undefined);
    await this.#viewer?.disconnectAll({ state: 'suspending', text: 'The desktop is being suspended.' });
    try {
      return await act();
    } finally {
      if (this.#desktop.session !== undefined) this.#viewer?.reconnect();
    }
  }

  async #openViewer(): Promise<Viewer> {
    const viewer = await serveViewer({
      title: this.#desktop.pod.state.name,
      rfbConnect: async () => openDisplayLink(this.#runningSession()),
      soundConnect: async () => openSoundLink(this.#runningSession()),
      onClose: () => this.#suspendFromViewer(),
      onSuspend: () => this.#suspendFromViewer(),
    });
    viewer.notify(this.#notices.text);
    return viewer;
  }

  #suspendFromViewer(): void {
    this.suspend().catch((error: unknown) => {
      tell('a viewer asked for a suspend', error);
      const reason = error instanceof Error ? error.message : String(error);
      this.#notices.set('suspend', `The desktop could not be suspended: ${reason}`);
    });
  }

  #runningSession(): ProcessSession {
    const session = this.#desktop.session;
    if (session === undefined) throw new Error('no session runs');
    return session;
  }

  async #screenshot(): Promise<Uint8Array> {
    const socket = await connectToSession(this.#desktop.session?.rootPid ?? 0, 'rfb');
    const display = await openRfb(socket, { timeoutMs: DISPLAY_TIMEOUT_MS });
    try {
      return await display.screenshot();
    } finally {
      display.close();
    }
  }

  /**
   * Notices a session whose first process has ended by itself (the user logged out, or it was killed), and one whose
   * drive was pulled out: its programs have lost their files, and nothing of it can be saved.
   */
  async #look(): Promise<void> {
    this.#violations.look();
    const session = this.#desktop.session;
    if (session === undefined || session === this.#mourned) return;
    let cause = 'its first process ended by itself';
    if (isAlive(session)) {
      if (!(await this.#desktop.isPulledOut())) return this.#givingWay.look();
      cause = 'its drive was pulled out';
    }
    this.#mourned = session;
    this.#turns
      .take('mourn', async () => {
        if (this.#desktop.session !== session) return;
        await afterwards(
          () => this.#desktop.lose(cause),
          () => this.#finish('ended'),
        );
      })
      .catch((error: unknown) => {
        // A suspend had ended it, and the pod is being freed already.
        if (!isDeskPodError(error, 'SUPERVISOR_UNREACHABLE')) tell(`the session is lost: ${cause}`, error);
      });
  }

  /**
   * Frees the device and ends the supervisor. If the device cannot be freed (a program of the host has a file of it
   * open) the supervisor ends all the same, and whoever opens the pod next tries again.
   */
  async #finish(how: 'suspended' | 'ended', doubt?: Doubt): Promise<void> {
    this.#turns.end();
    this.#keeping?.unsubscribe();
    this.#finishing.abort();
    clearInterval(this.#watch);
    try {
      await this.#reads.stop();
      await this.#violations.noteRest();
      await this.#desktop.close();
      if (this.#desktop.waitsInMemory) {
        this.#viewer?.tell(WAITS_IN_MEMORY);
        return;
      }
      const doubts = doubt === undefined ? '' : ` But look at your files: ${describeDoubt(doubt)}.`;
      this.#viewer?.tell(how === 'suspended' ? { ...SUSPENDED, text: SUSPENDED.text + doubts } : ENDED);
    } catch (error) {
      if (isDeskPodError(error, 'DEVICE_GONE')) {
        this.#viewer?.tell(PULLED_OUT);
        throw error;
      }
      const reason = error instanceof Error ? error.message : String(error);
      const text = this.#desktop.waitsInMemory
        ? `${WAITS_IN_MEMORY.text} ${reason}`
        : `Not all could be let go of, so do not unplug yet: ${reason}`;
      this.#viewer?.tell({ state: 'ended', text });
      throw error;
    } finally {
      this.#server?.close(() => this.#ended.resolve());
      await this.#viewer?.close();
    }
  }
}
