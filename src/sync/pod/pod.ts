// An opened pod: its log, the state that the log folds to, its repository and its content.
import { fromHex, toHex } from '../../core/bytes.ts';
import { type Command, decide } from '../../core/decide.ts';
import { DeskPodError } from '../../core/errors.ts';
import { decodeEvent, encodeEvent } from '../../core/event-codec.ts';
import type { LoggedEvent } from '../../core/events.ts';
import type { Sealing } from '../../core/hashing.ts';
import { decodeHead, encodeHead, type Head } from '../../core/head.ts';
import { decodeKeyring, type Keyring } from '../../core/keyring.ts';
import type { LogRecord } from '../../core/record.ts';
import { fold, INITIAL_STATE, type PodState } from '../../core/state.ts';
import { hashing } from '../hashing.ts';
import type { Secrets } from '../keyring/pod-secrets.ts';
import type { Unlocked } from '../keyring/unlock.ts';
import { FixedLog, type PodLog } from '../log/fixed-log.ts';
import { Log } from '../log/log.ts';
import { Content } from '../repository/content.ts';
import { Repository } from '../repository/repository.ts';
import { readChain, sealSegment } from '../repository/segments.ts';
import { storageError } from '../storage-failure.ts';
import type { PodFolder } from './pod-folder.ts';
import { openProjections, type Projections } from './projections.ts';

/** A pod whose keyring was opened. One process has it open at a time; who opens it holds its lock. */
export class Pod {
  readonly folder: Omit<PodFolder, 'logDir'>;
  readonly secrets: Secrets;
  readonly repository: Repository;
  readonly content: Content;
  readonly projections: Projections;
  readonly #log: PodLog;
  readonly #listeners = new Set<() => void>();
  #state: PodState;

  private constructor(parts: {
    folder: Omit<PodFolder, 'logDir'>;
    secrets: Secrets;
    repository: Repository;
    content: Content;
    projections: Projections;
    log: PodLog;
    state: PodState;
  }) {
    this.folder = parts.folder;
    this.secrets = parts.secrets;
    this.repository = parts.repository;
    this.content = parts.content;
    this.projections = parts.projections;
    this.#log = parts.log;
    this.#state = parts.state;
  }

  /**
   * Opens the pod in `folder`; the caller closes it. `opening` are its projections if somebody has begun to open them: the
   * pod closes them, but he does if this throws.
   *
   * @throws DeskPodError LOG_DAMAGED, EVENT_UNKNOWN, POD_NOT_FOUND, SPACE_EXHAUSTED, TARGET_WRITE_FAILED
   */
  static async open(folder: PodFolder, secrets: Secrets, opening?: Promise<Projections>): Promise<Pod> {
    const repository = await Repository.open(folder.repositoryDir);
    const log = await Log.open(folder.logDir, { hashing, logKey: secrets.logKey });
    return Pod.#openWith(folder, secrets, { repository, log, ...(opening === undefined ? {} : { opening }) });
  }

  /**
   * Opens a pod of which there is nothing but the repository, to look into it: the log is read from there, and takes no
   * appends, for which `refusal` makes the error. Nothing of the log is written anywhere. The caller closes it.
   *
   * @throws DeskPodError OBJECT_MISSING, OBJECT_DAMAGED, SEGMENT_DAMAGED, EVENT_UNKNOWN, POD_NOT_FOUND
   */
  static async openRepository(
    folder: Omit<PodFolder, 'logDir'>,
    { head, keyring: { secrets } }: Unlocked,
    refusal: () => Error,
  ): Promise<Pod> {
    const repository = await Repository.open(folder.repositoryDir);
    const log = new FixedLog(await readChain(repository, secrets, head), refusal);
    return Pod.#openWith(folder, secrets, { repository, log });
  }

  static async #openWith(
    folder: Omit<PodFolder, 'logDir'>,
    secrets: Secrets,
    parts: { readonly repository: Repository; readonly log: PodLog; readonly opening?: Promise<Projections> },
  ): Promise<Pod> {
    const { repository, log, opening } = parts;
    let projections: Projections | undefined;
    try {
      projections = await (opening ?? openProjections(folder.projectionsDir));
      const state = foldRecords(await log.read());
      // before anything counts on a chunk in one of them
      repository.passOver(state.packs.removed);
      const content = await Content.open(repository, projections.chunks, secrets);
      await requirePublished(repository, state.seq, { hashing, logKey: secrets.logKey });
      return new Pod({ folder, secrets, repository, content, projections, log, state });
    } catch (error) {
      await projections?.close();
      await log.close();
      throw storageError(error, folder.projectionsDir);
    }
  }

  /** What the log says, up to its last record. */
  get state(): PodState {
    return this.#state;
  }

  /** The key and functions by which this pod authenticates what it wrote. */
  get sealing(): Sealing {
    return { hashing, logKey: this.secrets.logKey };
  }

  /**
   * Decides on a command and appends its events; on its return they are on the device.
   *
   * @throws DeskPodError what {@link decide} throws, and then nothing was appended; SPACE_EXHAUSTED
   */
  async append(command: Command): Promise<readonly LoggedEvent[]> {
    const events = decide(this.#state, command);
    const records = await this.#log.append(events.map(encodeEvent), {
      expectedSeq: this.#state.seq,
      atMs: Date.now(),
    });
    const logged = records.map(toLoggedEvent);
    this.#state = fold(logged, this.#state);
    for (const { event } of logged)
      if (event.type === 'packs.pruned') this.repository.passOver(event.removed);
    for (const listener of this.#listeners) listener();
    return logged;
  }

  /** Calls `listener` after each append, until the returned function is called. It must return quickly and not throw. */
  onAppended(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The events from position `since` on, up to `until` if it is given. */
  async events(since: number, until?: number): Promise<LoggedEvent[]> {
    return (await this.#log.read(since, until)).map(toLoggedEvent);
  }

  /** The hash of the record at a position, or undefined beyond the end. */
  async recordHash(seq: number): Promise<string | undefined> {
    const [record] = await this.#log.read(seq, seq);
    return record === undefined ? undefined : toHex(record.bodyHash);
  }

  /**
   * Seals what the repository does not have of the log yet, and moves the repository's head to the log's end: from
   * then on the repository alone is enough to rebuild the pod.
   */
  async publish(): Promise<Head> {
    const published = await this.readHead();
    const { seq, podId, epoch, deviceId } = this.#state;
    if (published !== undefined && published.seq === seq) return published;
    const records = await this.#log.read((published?.seq ?? 0) + 1);
    const last = records.at(-1);
    if (last === undefined) throw new TypeError(`nothing to publish at ${seq}`);
    const identity = { podId: fromHex(podId), epoch, deviceId: fromHex(deviceId) };
    await sealSegment(this.repository, identity, records, this.secrets.identity);
    const head: Head = { ...identity, seq, recordHash: last.bodyHash, keyring: fromHex(this.#state.keyring) };
    await this.repository.writeHead(encodeHead(head, this.sealing));
    return head;
  }

  /**
   * Seals records of the log once more, for a segment that was lost, and returns the name of the new one. They must end
   * where an append ends. The head stays.
   */
  async sealAgain(fromSeq: number, toSeq: number): Promise<string> {
    const { podId, epoch, deviceId } = this.#state;
    const identity = { podId: fromHex(podId), epoch, deviceId: fromHex(deviceId) };
    const records = await this.#log.read(fromSeq, toSeq);
    return (await sealSegment(this.repository, identity, records, this.secrets.identity)).name;
  }

  /** The repository's own head, proven; undefined before the first {@link publish}. */
  async readHead(): Promise<Head | undefined> {
    const bytes = await this.repository.readHead();
    return bytes === undefined ? undefined : decodeHead(bytes, this.sealing);
  }

  /** The keyring in force. */
  async readKeyring(): Promise<Keyring> {
    return decodeKeyring(await this.repository.readObject('keyrings', this.#state.keyring), this.sealing);
  }

  /** Lets go of everything; what was not flushed is not stored. */
  async close(): Promise<void> {
    await this.content.close();
    await this.projections.close();
    await this.#log.close();
  }
}

/** A log that ends before the repository's head has lost records, though none of those left is damaged. */
async function requirePublished(repository: Repository, seq: number, sealing: Sealing): Promise<void> {
  const bytes = await repository.readHead();
  const published = bytes === undefined ? 0 : decodeHead(bytes, sealing).seq;
  if (published <= seq) return;
  throw new DeskPodError('LOG_DAMAGED', `the log ends at ${seq}, but ${published} records were published`, {
    hint: 'Rebuild this device from home with `deskpod restore`.',
    details: { seq, published },
  });
}

/** The state that records fold to. */
export function foldRecords(records: readonly LogRecord[]): PodState {
  return fold(records.map(toLoggedEvent), INITIAL_STATE);
}

/** The event of a record, with its place. @throws DeskPodError EVENT_UNKNOWN, RECORD_DAMAGED */
export function toLoggedEvent({ seq, atMs, payload }: LogRecord): LoggedEvent {
  return { seq, atMs, event: decodeEvent(payload) };
}
