// Home: the port to the place where a pod's repository is kept a second time. Small enough for an object store.
import type { ProgressListener } from '../../core/progress.ts';

/** What stands at a home's place. */
export interface HomeStatus {
  /** `missing`: the place answers, but there is no home. `unreachable`: nobody knows. */
  readonly state: 'ready' | 'missing' | 'unreachable';
  /** Why it is not ready: the DeskPodError that other calls would throw. */
  readonly cause?: Error;
}

/** How a transfer is watched and stopped. */
export interface TransferOptions {
  readonly onProgress?: ProgressListener;
  /** Stops the transfer (CANCELLED); what has arrived stays and is not sent again. */
  readonly signal?: AbortSignal;
}

/** How objects are sent. */
export interface PushOptions extends TransferOptions {
  /** For small ones: saves asking home which of them it has. */
  readonly isUnasked?: boolean;
}

/** How objects are fetched. */
export interface PullOptions extends TransferOptions {
  /** Files, or folders with a slash at their end; all that the pod has if left out. */
  readonly objects?: readonly string[];
  /** What home says of their lengths, in bytes, if it was asked: then progress has a total. */
  readonly sizes?: ReadonlyMap<string, number>;
}

/** What a push did. */
export interface PushReport {
  /** Objects that home lacked. */
  readonly sentObjects: number;
  /** Their length in bytes. */
  readonly sentBytes: number;
  /** Bytes that went out for them: fewer if home had a part from an interrupted push, more by what the transport adds. */
  readonly wireBytes: number;
  /** How many transfers went side by side, and why; undefined if nothing was sent. */
  readonly streams?: number;
  readonly streamsReason?: string;
}

/** The outcome of hashing what home holds. */
export interface HomeVerification {
  readonly checkedObjects: number;
  /** Relative paths of objects whose bytes are not the ones that their names promise. */
  readonly damaged: readonly string[];
}

/**
 * A home. Objects are immutable files with relative paths (`packs/ab/…`); the head is the only thing that changes, and
 * is written last by whoever syncs. Every method throws DeskPodErrors: HOME_NOT_FOUND where no home was made (a drive
 * that is not mounted is never taken for an empty home), HOME_UNREACHABLE, HOME_FULL, TARGET_WRITE_FAILED where home
 * can not be written, RUNTIME_MISSING without the program that moves the bytes, CANCELLED.
 */
export interface Home {
  /** As the user wrote it. */
  readonly url: string;
  /** Looks without changing anything. Throws only what is about this host. */
  probe(): Promise<HomeStatus>;
  /**
   * Makes a home at the place; one that is there already stays as it is.
   * @throws DeskPodError TARGET_NOT_EMPTY for a folder with other files in it
   */
  initialise(): Promise<void>;
  /** The ids of the pods at home, in hexadecimal, sorted. */
  listPods(): Promise<string[]>;
  /** The bytes of a pod's head; undefined if home has none of this pod. */
  head(podId: string): Promise<Uint8Array | undefined>;
  /** Which of these objects home has, by path, each with its length in bytes. Without `objects`: all of the pod's. */
  list(podId: string, objects?: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /**
   * Sends objects of a repository that home lacks; those it has are not touched. On return all of them are at home in
   * full length and durable. For small ones `isUnasked` saves asking home which of them it has; they come in the order of
   * their paths.
   * @throws DeskPodError OBJECT_MISSING if the repository lacks one; HOME_DAMAGED if home was asked and has one in
   * another length
   */
  push(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    options?: PushOptions,
  ): Promise<PushReport>;
  /**
   * Puts objects of a repository in the place of those that home has with other bytes than their names promise, each at
   * once and durably; whoever calls this has found them damaged. A home that checks for itself keeps those that are not.
   * @throws DeskPodError OBJECT_MISSING if the repository lacks one
   */
  replace(
    repositoryDir: string,
    podId: string,
    objects: readonly string[],
    options?: TransferOptions,
  ): Promise<void>;
  /**
   * Takes objects away; those that are not there do not matter. The caller knows that no head at home needs them.
   * @throws DeskPodError of whatever code if home lets nothing be taken away: some homes only grow
   */
  remove(podId: string, objects: readonly string[]): Promise<void>;
  /**
   * Fetches the objects of a pod that a repository lacks, all or those named. The head is not among them: ask for it
   * before, so that it speaks only of objects that are fetched.
   */
  pull(podId: string, intoRepositoryDir: string, options?: PullOptions): Promise<void>;
  /** Replaces the head, at once and durably: a reader sees the former one or this one. */
  writeHead(podId: string, bytes: Uint8Array): Promise<void>;
  /**
   * Hashes the objects of a pod where they lie. Undefined if this home can not do so without fetching them. `present` is
   * what {@link list} said a moment ago, if it was asked.
   */
  verifyObjects(
    podId: string,
    options?: TransferOptions & { readonly present?: ReadonlyMap<string, number> },
  ): Promise<HomeVerification | undefined>;
}

/** The file that makes a folder a home, so that an empty mount point is not taken for one. */
export const HOME_MARKER = 'deskpod-home';
