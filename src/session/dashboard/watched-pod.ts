// One pod of this computer as the dashboard follows it: what it says of itself, what is done with it, and how to get at it.
import { basename } from 'node:path';
import { isDeskPodError } from '../../core/errors.ts';
import type { LoggedEvent } from '../../core/events.ts';
import { judgeHealth } from '../../core/health.ts';
import { type Credential, unlockRepository } from '../../sync/keyring/unlock.ts';
import { REPOSITORY_FOLDER } from '../../sync/pod/pod-folder.ts';
import { Repository } from '../../sync/repository/repository.ts';
import type { StatusReport } from '../operation/operations.ts';
import { callSupervisor } from '../supervisor/client.ts';
import type { FollowItem } from '../supervisor/follow.ts';
import { readFromSupervisor } from '../supervisor/read-stream.ts';
import type { WorkNews } from '../supervisor/works.ts';
import type { HomeOverview, KnownPod, PodAccess, PodOverview } from './contract.ts';
import type { HeldKeys } from './held-keys.ts';
import { factsOf, knownAfter, knownFrom } from './known-pod.ts';
import type { Place } from './places.ts';
import { PodDoor } from './pod-door.ts';

const SILENT = (): void => undefined;
/** Failures that say nothing of the pod itself. */
const PASSING: ReadonlySet<string> = new Set([
  'VAULT_LOCKED',
  'POD_BUSY',
  'SUPERVISOR_UNREACHABLE',
  'CANCELLED',
]);

/** What a pod tells whoever watches it. */
export interface PodNews {
  /** Something that its overview says may have changed. */
  onChange(): void;
  onEvents(events: readonly LoggedEvent[]): void;
  /** How a work stands that a supervisor does; `run` tells supervisors apart. */
  onWork(run: number, work: WorkNews): void;
  /** A supervisor has ended, and tells of its works no more. */
  onSupervisorEnd(run: number): void;
}

/** A session is looked through for what is in the way of a suspend; after each event it is asked at once. */
const ASK_EVERY_MS = 10_000;
/** One that cannot be followed is not asked again at once. */
const FOLLOW_AGAIN_MS = 1000;

let runs = 0;

/** A pod at one place. */
export class WatchedPod {
  readonly door: PodDoor;
  #place: Place;
  readonly #keys: HeldKeys;
  readonly #news: PodNews;
  #isHere = true;
  #isSupervised = false;
  #name: string | undefined;
  #known: KnownPod | undefined;
  #failure: unknown;
  #following: AbortController | undefined;
  #followAgainAtMs = 0;
  #askAgainAtMs = 0;

  constructor(place: Place, keys: HeldKeys, news: PodNews) {
    this.#place = place;
    this.#keys = keys;
    this.#news = news;
    this.door = new PodDoor(
      place,
      () => keys.use(place.id),
      (error) => this.#note(error),
    );
  }

  get place(): Place {
    return this.#place;
  }

  /** URLs of its homes, as far as they are known. */
  get homeUrls(): readonly string[] {
    return this.#known?.homes.map(({ url }) => url) ?? [];
  }

  /** It was found again, perhaps changed; or not, if there is no place. Asks its supervisor, if it has one. */
  async refresh(place: Place | undefined): Promise<void> {
    this.#isHere = place !== undefined;
    if (place === undefined) {
      this.#keys.forget(this.#place.id);
      this.#stopFollowing();
      this.#isSupervised = false;
      return;
    }
    this.#place = place;
    this.#isSupervised = await this.door.isSupervised();
    if (!this.#isSupervised) {
      this.#askAgainAtMs = 0;
      return;
    }
    if (performance.now() >= this.#askAgainAtMs) await this.#askSupervisor();
    if (this.#following === undefined && performance.now() > this.#followAgainAtMs) this.#follow();
  }

  /** Takes what the pod said of itself. */
  learn(status: StatusReport): void {
    const isRunning = this.#isSupervised && (status.kind === 'tree' || status.rootPid !== undefined);
    this.#name = status.name;
    this.#known = knownFrom(status, isRunning, Date.now());
    this.#failure = undefined;
    this.#news.onChange();
  }

  /**
   * Opens the pod for this process, if the credential is right.
   * @throws DeskPodError PASSPHRASE_WRONG, KEYRING_NO_IDENTITY, UNLOCK_REFUSED, and what opening throws
   */
  async unlock(credential: Credential): Promise<void> {
    const { id, plainDir } = this.#place;
    if (await this.door.isSupervised()) {
      await this.#keys.tryOut(id, credential, async (tried) => {
        // a device of a running session is mounted; what stands there proves itself with the key
        const repository = await Repository.open(`${plainDir}/${REPOSITORY_FOLDER}`);
        await unlockRepository(repository, tried);
      });
    } else {
      const status = await this.#keys.tryOut(id, credential, (tried) => this.#openWith(tried));
      this.learn(status);
    }
    this.#news.onChange();
  }

  async #openWith(credential: Credential): Promise<StatusReport> {
    const { signal } = new AbortController();
    return this.door.try(credential, (opened) =>
      opened.operate('status', {}, { onProgress: SILENT, signal }),
    );
  }

  /** Forgets the passphrase, and settles when the pod is not open here any more. */
  async lock(): Promise<void> {
    this.#keys.forget(this.#place.id);
    this.#news.onChange();
    await this.door.shut();
  }

  /** How it is now, with what is seen of the homes of this computer. */
  describe(nowMs: number, homes: readonly HomeOverview[]): PodOverview {
    const { id, kind, path, marker, space, sizeBytes } = this.#place;
    const access = this.#access();
    const known = this.#known;
    const isRunning = known?.isRunning === true && this.#isSupervised;
    const failure = isDeskPodError(this.#failure) ? this.#failure : undefined;
    const health = judgeHealth({
      ...{ nowMs, access, space, isTwin: marker.isTwin },
      failure: failure === undefined ? undefined : { message: failure.message, hint: failure.hint },
      known: known === undefined ? undefined : factsOf(known, homes),
    });
    return {
      ...{ id, podId: marker.podId, kind: marker.kind, isTwin: marker.isTwin },
      name: this.#name ?? basename(path),
      place: { kind, path, space: access === 'away' ? undefined : space, sizeBytes },
      access,
      lockAtMs: access === 'unlocked' ? this.#keys.lockAtMs(id) : undefined,
      known:
        known === undefined ? undefined : { ...known, isRunning, ...(isRunning ? {} : { tier: undefined }) },
      health,
    };
  }

  /** Follows it no more; settles when it is let go of. */
  async close(): Promise<void> {
    this.#stopFollowing();
    await this.door.close();
  }

  #access(): PodAccess {
    if (!this.#isHere) return 'away';
    if (this.#isSupervised) return 'open';
    return this.#keys.lockAtMs(this.#place.id) === undefined ? 'locked' : 'unlocked';
  }

  async #askSupervisor(): Promise<void> {
    this.#askAgainAtMs = performance.now() + ASK_EVERY_MS;
    try {
      const status = await this.door.withSocket((socketPath) =>
        callSupervisor<StatusReport>(socketPath, 'status', {}, SILENT),
      );
      if (status !== undefined) this.learn(status);
    } catch (error) {
      this.#note(error);
    }
  }

  #note(error: unknown): void {
    if (isDeskPodError(error) && !PASSING.has(error.code)) this.#failure = error;
    this.#news.onChange();
  }

  #follow(): void {
    const stop = new AbortController();
    this.#following = stop;
    const run = ++runs;
    const hear = ({ events, works }: FollowItem): void => {
      this.#askAgainAtMs = 0;
      if (events.length > 0) {
        if (this.#known !== undefined) this.#known = knownAfter(this.#known, events);
        this.#news.onEvents(events);
        this.#news.onChange();
      }
      for (const work of works) this.#news.onWork(run, work);
    };
    this.door
      .withSocket((socketPath) =>
        readFromSupervisor<FollowItem, never>(socketPath, 'follow', {}, hear, SILENT, stop.signal),
      )
      // a supervisor that ends, or is of another version, tells no more: what can be asked of it is asked all the same
      .catch(SILENT)
      .finally(() => {
        if (this.#following === stop) this.#following = undefined;
        this.#followAgainAtMs = performance.now() + FOLLOW_AGAIN_MS;
        this.#news.onSupervisorEnd(run);
      });
  }

  #stopFollowing(): void {
    this.#following?.abort(new Error('nobody follows it any more'));
    this.#following = undefined;
  }
}
