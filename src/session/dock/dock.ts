// The dock: devices come and go, and each is brought home as it comes; what happens is told, and stands in home's journal.
import { setTimeout as delay } from 'node:timers/promises';
import {
  distinctUntilChanged,
  groupBy,
  map,
  mergeMap,
  Observable,
  of,
  type Subscription,
  scan,
  skip,
  startWith,
  switchMap,
} from 'rxjs';
import {
  type DockProblem,
  type DockSignal,
  type DockState,
  nextDockState,
  UNSEEN,
} from '../../core/dock-machine.ts';
import { isDeskPodError } from '../../core/errors.ts';
import type { Journal } from '../../sync/dock/journal.ts';
import { storageError } from '../../sync/storage-failure.ts';
import type { Place } from '../dashboard/places.ts';
import { readWriteStamp } from '../device/ext4.ts';
import { type DeviceSource, watchDevices } from './device-source.ts';
import { type DockSettings, dockDevice, isInUse } from './dock-device.ts';
import { identifyDevice } from './identify-device.ts';

/** A device, and where it stands. */
export interface DockedDevice {
  readonly path: string;
  readonly state: DockState;
}

/** How devices are waited for. */
export interface DockPace {
  /** How long a device may go unseen if nothing hints at it. */
  readonly lookMs: number;
  /** How often it is looked whether a pod was started or suspended, or whether what is in the way has gone. */
  readonly pollMs: number;
  /** After a failure. */
  readonly retryMs: number;
  /** How often a pod that is in use comes home, a refused device is tried again, and one that is at home is looked at. */
  readonly repeatMs: number;
}

/** What the dock is made of. */
export interface DockParts {
  readonly settings: DockSettings;
  readonly source: DeviceSource;
  readonly journal: Journal;
  readonly pace: DockPace;
  /** What is in the way of bringing a device home now, in sentences. */
  readonly obstacles: (place: Place) => Promise<readonly string[]>;
  /** Told each step of each device, in order; it is in the journal by then. */
  readonly onStep: (device: DockedDevice) => void;
  /** Told what went wrong with the dock itself. */
  readonly onFailure: (error: unknown) => void;
}

/** Codes of what says that a device is no pod, or none that home may take. */
const REFUSALS: ReadonlySet<string> = new Set(['DOCK_REFUSED', 'DEVICE_NOT_A_POD', 'MARKER_DAMAGED']);

/** Watches for devices until it is ended. */
export class Dock {
  readonly #parts: DockParts;
  readonly #stop = new AbortController();
  /** The work on each device that was begun last: what comes to the same place waits for it. */
  readonly #works = new Map<string, Promise<void>>();
  /** Of each pod one device at a time comes home. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #telling: Promise<void> = Promise.resolve();

  constructor(parts: DockParts) {
    this.#parts = parts;
  }

  /** Begins to watch. */
  start(): Subscription {
    const { source, pace, onFailure } = this.#parts;
    return watchDevices(source, pace.lookMs, onFailure)
      .pipe(
        groupBy(({ path }) => path),
        mergeMap((device) =>
          device.pipe(
            switchMap(({ type }) =>
              type === 'went' ? of<DockSignal>({ type: 'remove' }) : this.#attend(device.key, false),
            ),
            steps(device.key),
          ),
        ),
      )
      .subscribe((device) => this.#tell(device));
  }

  /** Brings home what is there now, each device once; answers where each stands then. */
  async once(): Promise<DockedDevice[]> {
    const found = await this.#parts.source.list();
    const ends = found.map(
      ({ path }) =>
        new Promise<DockedDevice>((resolve, reject) => {
          let last: DockedDevice = { path, state: UNSEEN };
          this.#attend(path, true)
            .pipe(steps(path))
            .subscribe({
              next: (device) => {
                last = device;
                this.#tell(device);
              },
              complete: () => resolve(last),
              error: reject,
            });
        }),
    );
    const devices = await Promise.all(ends);
    await this.#telling;
    return devices;
  }

  /** Ends what is under way: nothing stays mounted, and home has what it had. */
  async end(watching?: Subscription): Promise<void> {
    this.#stop.abort();
    watching?.unsubscribe();
    await Promise.allSettled(this.#works.values());
    await this.#telling;
  }

  /** What happens to a device from its coming on; leaving it ends the work. */
  #attend(path: string, isOnce: boolean): Observable<DockSignal> {
    return new Observable((subscriber) => {
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
      const emit = (each: DockSignal): void => {
        if (!signal.aborted) subscriber.next(each);
      };
      const before = this.#works.get(path) ?? Promise.resolve();
      const work = before.then(() => this.#bringHome(path, { emit, signal, isOnce }));
      this.#works.set(
        path,
        work.catch(() => undefined),
      );
      work.then(
        () => subscriber.complete(),
        (error: unknown) => subscriber.error(error),
      );
      return () => stop.abort();
    });
  }

  async #bringHome(
    path: string,
    { emit, signal, isOnce }: { emit(signal: DockSignal): void; signal: AbortSignal; isOnce: boolean },
  ): Promise<void> {
    let failedCount = 0;
    while (!signal.aborted) {
      let place: Place | undefined;
      let last: DockSignal['type'] | undefined;
      const note = (each: DockSignal): void => {
        last = each.type;
        emit(each);
      };
      note({ type: 'notice' });
      try {
        place = await identifyDevice(path);
        const { podId, epoch } = place.marker;
        note({ type: 'identify', identity: { podId, epoch } });
        await this.#inTurn(podId, () => this.#dock(place as Place, note, signal, isOnce));
      } catch (error) {
        if (!signal.aborted) note(this.#problem(error));
      }
      if (isOnce || signal.aborted) return;
      failedCount = last === 'fail' ? failedCount + 1 : 0;
      // what cannot be told of one device keeps none from coming home: it is tried again
      const wait = { waitMs: this.#waitAfter(failedCount), isLetGo: last === 'release' };
      await this.#untilWorthAgain(place, wait, signal).catch(async (error: unknown) => {
        this.#parts.onFailure(error);
        await pause(this.#parts.pace.retryMs, signal);
      });
    }
  }

  async #dock(
    place: Place,
    emit: (signal: DockSignal) => void,
    signal: AbortSignal,
    isOnce: boolean,
  ): Promise<void> {
    const { obstacles, pace, settings } = this.#parts;
    // it may have been taken away while another one of its pod had its turn
    while (!signal.aborted) {
      const reasons = await obstacles(place);
      if (reasons.length === 0) break;
      emit({ type: 'wait', reasons });
      if (isOnce) return;
      await pause(pace.pollMs, signal);
    }
    if (signal.aborted) return;
    await dockDevice(place, settings, emit, signal);
  }

  /**
   * A device that is left alone, or a pod in use, is looked at again; so is one whose pod was started or suspended since. One that
   * was let go of is safe to unplug, and stays so unless somebody has written on it: nobody else is asked for that.
   */
  async #untilWorthAgain(
    place: Place | undefined,
    { waitMs, isLetGo }: { readonly waitMs: number; readonly isLetGo: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { pollMs } = this.#parts.pace;
    let [startedMs, startedAtMs] = [performance.now(), Date.now()];
    const wasInUse = place !== undefined && (await isInUse(place));
    const stamp = isLetGo ? await writeStampOf(place) : undefined;
    while (!signal.aborted) {
      await pause(Math.min(pollMs, waitMs), signal);
      if (place !== undefined && (await isInUse(place)) !== wasInUse) return;
      // while the computer sleeps one of the clocks stands still, and the other may be set
      if (performance.now() - startedMs < waitMs && Date.now() - startedAtMs < waitMs) continue;
      if (!isLetGo || (await writeStampOf(place)) !== stamp) return;
      [startedMs, startedAtMs] = [performance.now(), Date.now()];
    }
  }

  /** What fails again and again is tried less and less often. */
  #waitAfter(failedCount: number): number {
    const { retryMs, repeatMs } = this.#parts.pace;
    return failedCount === 0 ? repeatMs : Math.min(repeatMs, retryMs * 2 ** (failedCount - 1));
  }

  async #inTurn<T>(podId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(podId) ?? Promise.resolve();
    const mine = before.then(work);
    this.#turns.set(
      podId,
      mine.catch(() => undefined),
    );
    return mine;
  }

  #problem(failure: unknown): DockSignal {
    const error = storageError(failure);
    if (!isDeskPodError(error)) this.#parts.onFailure(error);
    const code = isDeskPodError(error) ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    const hint = isDeskPodError(error) && error.hint !== undefined ? { hint: error.hint } : {};
    const problem: DockProblem = { code, message, ...hint };
    return { type: REFUSALS.has(code) ? 'refuse' : 'fail', problem };
  }

  /** In the order in which it happens. A journal that cannot be written keeps nothing from coming home. */
  #tell(device: DockedDevice): void {
    const { journal, onStep, onFailure } = this.#parts;
    const { path, state } = device;
    const atMs = Date.now();
    this.#telling = this.#telling
      .then(() => journal.add('dock.step', { path, ...state }, atMs))
      .catch(onFailure)
      .then(() => onStep(device));
  }
}

/** Undefined for one that cannot be read: that it is away, others notice. */
async function writeStampOf(place: Place | undefined): Promise<string | undefined> {
  if (place === undefined) return undefined;
  return readWriteStamp(place.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === undefined) throw error;
    return undefined;
  });
}

/** The states of a device that signals lead to, each once. */
function steps(path: string) {
  return (signals: Observable<DockSignal>): Observable<DockedDevice> =>
    signals.pipe(
      scan(nextDockState, UNSEEN),
      startWith(UNSEEN),
      distinctUntilChanged(),
      skip(1),
      map((state) => ({ path, state })),
    );
}

/** Waits, or until it is told to stop. */
async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  await delay(waitMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
