// The way to one pod: its supervisor, if it has one; if not, the pod is opened for what is asked, and closed again.
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError } from '../../core/errors.ts';
import type { Credential } from '../../sync/keyring/unlock.ts';
import { type AskOptions, type OpenedPod, openedBehind, withOpenedPod } from '../operation/opened-pod.ts';
import { isEnding } from '../operation/operate.ts';
import { supervisorListens } from '../supervisor/client.ts';
import { findTreeSocket } from '../supervisor/tree-socket.ts';
import type { Place } from './places.ts';

/** After the last of several requests the pod stays open for so long: a page asks for one picture after another. */
const LINGER_MS = 300;
/** Nobody waits longer for what else wants to open it. */
const OPEN_MAX_MS = 5000;

/** Something to be done with the open pod. It never throws: its outcome goes to whoever asked. */
interface Visit {
  /** It changes nothing, and runs beside others. */
  readonly isReading: boolean;
  readonly run: (opened: OpenedPod, signal: AbortSignal) => Promise<void>;
  readonly refuse: (error: unknown) => void;
}

type DoorPlace = Pick<Place, 'path' | 'supervisorSocket' | 'kind'>;

/** Gives what opens the pod, or undefined if it is locked. */
export type KeyOf = () => Credential | undefined;

type Act<Result> = (opened: OpenedPod, signal: AbortSignal) => Promise<Result>;

/** Opens one pod. */
export class PodDoor {
  readonly #place: DoorPlace;
  readonly #keyOf: KeyOf;
  readonly #onFailure: (error: unknown) => void;
  #visits: Visit[] = [];
  #isExpected = false;
  #isClosed = false;
  /** The pod is open once at a time. */
  #alone: Promise<unknown> = Promise.resolve();
  /** Of the visit that runs: it ends early if it can, as another waits. */
  #current = new AbortController();
  #arrival = Promise.withResolvers<void>();
  /** Of the visits that read: they end when the pod is locked. */
  #leaving = new AbortController();

  /** `onFailure` is told why the pod could not be opened or let go of, besides whoever waits for it. */
  constructor(place: DoorPlace, keyOf: KeyOf, onFailure: (error: unknown) => void) {
    this.#place = place;
    this.#keyOf = keyOf;
    this.#onFailure = onFailure;
  }

  /** True if a supervisor answers for the pod. */
  async isSupervised(): Promise<boolean> {
    return (await this.withSocket(async () => true)) ?? false;
  }

  /** Lets `act` use the socket of the pod's supervisor; undefined if nobody listens there. */
  async withSocket<Result>(act: (socketPath: string) => Promise<Result>): Promise<Result | undefined> {
    const { kind, path, supervisorSocket } = this.#place;
    const isFixed = supervisorSocket !== undefined;
    const fixed = isFixed ? { path: supervisorSocket, close: () => undefined } : undefined;
    const socket = kind === 'folder' ? findTreeSocket(path) : fixed;
    if (socket === undefined) return undefined;
    try {
      return (await supervisorListens(socket.path)) ? await act(socket.path) : undefined;
    } finally {
      socket.close();
    }
  }

  /**
   * Lets `act` work with the pod, in turn unless it only reads. `signal` of `act` aborts when something else waits for its turn;
   * of what only reads, when the pod is locked.
   *
   * @throws DeskPodError VAULT_LOCKED if it has no supervisor, and no passphrase is at hand; what opening throws; what `act` throws
   */
  async enter<Result>(isReading: boolean, act: Act<Result>): Promise<Result> {
    if (this.#isClosed) throw ending();
    try {
      const { signal } = new AbortController();
      const asked = await this.withSocket(async (socketPath) => ({
        result: await act(openedBehind(socketPath), signal),
      }));
      if (asked !== undefined) return asked.result;
    } catch (error) {
      // It was about to end, and did nothing: the pod is opened here, in turn, as a resume may be what has ended it.
      if (!isEnding(error)) throw error;
    }
    // it may be open for others still
    if (this.#keyOf() === undefined) throw this.#locked();
    const outcome = Promise.withResolvers<Result>();
    this.#visits.push({
      isReading,
      refuse: outcome.reject,
      run: async (opened, signal) => {
        try {
          outcome.resolve(await act(opened, signal));
        } catch (error) {
          outcome.reject(error);
        }
      },
    });
    this.#arrival.resolve();
    if (!isReading) this.#current.abort('another request');
    if (!this.#isExpected) {
      this.#isExpected = true;
      this.#alone = this.#alone.then(() => this.#receive());
    }
    return outcome.promise;
  }

  /** Opens the pod with this credential and no other, lets `act` work with it, and closes it. @throws as {@link enter} */
  try<Result>(credential: Credential, act: (opened: OpenedPod) => Promise<Result>): Promise<Result> {
    const options = { ...this.#options(), credential: async () => credential };
    return this.alone(() => withOpenedPod(this.#place.path, options, act));
  }

  /** Lets `act` open the pod by itself once nobody has it open here; who comes meanwhile waits. @throws what `act` throws */
  alone<Result>(act: () => Promise<Result>): Promise<Result> {
    this.#current.abort('another request');
    const done = this.#alone.then(act);
    this.#alone = done.catch(() => undefined);
    return done;
  }

  /** Ends the visits that can be ended, as the pod was locked, and settles when it is let go of. */
  async shut(): Promise<void> {
    this.#leaving.abort(this.#locked());
    this.#leaving = new AbortController();
    this.#current.abort('the pod was locked');
    await this.#alone;
  }

  /** Takes no more visits, ends those that can be ended, and settles when the pod is let go of. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { refuse } of this.#visits.splice(0)) refuse(ending());
    this.#leaving.abort(ending());
    this.#current.abort('the dashboard is ending');
    this.#arrival.resolve();
    await this.#alone;
  }

  /** Opens the pod as often as it takes. */
  async #receive(): Promise<void> {
    while (this.#visits.length > 0) {
      try {
        await withOpenedPod(this.#place.path, this.#options(), (opened) =>
          this.#receiveAt(this.#counted(opened)),
        );
      } catch (error) {
        this.#onFailure(error);
        for (const { refuse } of this.#visits.splice(0)) refuse(error);
      }
    }
    this.#isExpected = false;
  }

  async #receiveAt(opened: OpenedPod): Promise<void> {
    const closeAtMs = performance.now() + OPEN_MAX_MS;
    const readings = new Set<Promise<void>>();
    for (;;) {
      const visit = this.#visits.shift();
      if (visit?.isReading === true) {
        const reading = visit.run(opened, this.#leaving.signal).finally(() => {
          readings.delete(reading);
          this.#arrival.resolve();
        });
        readings.add(reading);
        continue;
      }
      if (visit !== undefined) {
        this.#current = new AbortController();
        if (this.#visits.some((other) => !other.isReading)) this.#current.abort('another request');
        await visit.run(opened, this.#current.signal);
      } else {
        this.#arrival = Promise.withResolvers<void>();
        const came = this.#arrival.promise.then(() => true);
        const patience = readings.size > 0 ? [] : [delay(this.#isClosed ? 0 : LINGER_MS, false)];
        if (!(await Promise.race([came, ...patience]))) return;
      }
      if (readings.size === 0 && performance.now() > closeAtMs) return;
    }
  }

  /** The pod is in use, and its passphrase held, for as long as something comes of what was asked. */
  #counted(opened: OpenedPod): OpenedPod {
    const listen = (options: AskOptions): AskOptions => ({
      ...options,
      onProgress: (progress) => {
        this.#keyOf();
        options.onProgress(progress);
      },
    });
    return {
      operate: (name, parameters, options) => opened.operate(name, parameters, listen(options)),
      read: (name, parameters, emit, options) => {
        const take = (item: Parameters<typeof emit>[0]) => {
          this.#keyOf();
          return emit(item);
        };
        return opened.read(name, parameters, take, listen(options));
      },
    };
  }

  #locked(): DeskPodError {
    return new DeskPodError('VAULT_LOCKED', `${this.#place.path}: the pod is locked`, {
      hint: 'Unlock it with its passphrase first.',
    });
  }

  #options() {
    const credential = async (): Promise<Credential> => {
      const held = this.#keyOf();
      if (held !== undefined) return held;
      throw this.#locked();
    };
    return {
      passphrase: () => Promise.reject(new TypeError('expected a credential')),
      credential,
      onProgress: () => undefined,
    };
  }
}

function ending(): DeskPodError {
  return new DeskPodError('CANCELLED', 'the dashboard is ending');
}
