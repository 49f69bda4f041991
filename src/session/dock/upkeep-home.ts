// Home looks after itself: it forgets by its policy, checks a part of what lies there, and drills restores, each when it is due.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { peekHead } from '../../core/head.ts';
import type { ProgressListener } from '../../core/progress.ts';
import type { RetentionPolicy } from '../../core/retention.ts';
import { isDue, type UpkeepKind, type UpkeepPlan, type UpkeepRecord } from '../../core/upkeep.ts';
import { readHomeIdentity } from '../../sync/dock/home-identity.ts';
import type { Journal, JournalEntry } from '../../sync/dock/journal.ts';
import type { ProvenByDrill } from '../../sync/dock/take-over.ts';
import { findGrant } from '../../sync/keyring/home-grant.ts';
import { isSystemError } from '../../sync/repository/durable-file.ts';
import { readPlainFile } from '../../sync/repository/plain-file.ts';
import { HomeFolder } from '../../sync/retention/home-folder.ts';
import { pruneHomePods } from '../../sync/retention/prune-home-pods.ts';
import { storageError } from '../../sync/storage-failure.ts';
import { checkHomeSample } from '../../sync/verify/home-sample.ts';
import { type DrillReport, runDrill } from '../drill/run-drill.ts';

/** What home does for itself. */
export interface UpkeepSettings {
  readonly homeDir: string;
  readonly identityFile: string;
  readonly plan: UpkeepPlan;
  readonly policy: RetentionPolicy;
  /** Of home's bytes, checked each time. */
  readonly checkShare: number;
  /** Whether drills resume sessions: of all pods, of none, or of those with these ids. */
  readonly resumes: boolean | readonly string[];
  readonly scratchDir: string;
}

interface UpkeepWork {
  readonly kind: UpkeepKind;
  /** Of a drill. */
  readonly podId?: string;
}

/** What was done, or what came in the way. */
export interface UpkeepOutcome extends UpkeepWork {
  readonly isDone: boolean;
  /** One sentence for people. */
  readonly text: string;
  /** It asks for a look. */
  readonly isWarning: boolean;
}

const GRACE_MS = 48 * 3_600_000;
const KEYRING_MOST_BYTES = 2 ** 20;
const ENTRY = 'home.upkeep';

/** Does what is due at one home. What fails is told and tried again later; it keeps nothing else from being done. */
export class HomeUpkeep {
  readonly #settings: UpkeepSettings;
  readonly #journal: Journal;
  readonly #onProgress: ProgressListener;

  constructor(settings: UpkeepSettings, journal: Journal, onProgress: ProgressListener) {
    this.#settings = settings;
    this.#journal = journal;
    this.#onProgress = onProgress;
  }

  /** Does what is due now, one after the other. */
  async run(signal?: AbortSignal): Promise<UpkeepOutcome[]> {
    const { plan, policy } = this.#settings;
    const entries = await this.#journal.read();
    const records = recordsOf(entries);
    const isNow = (kind: UpkeepKind, podId?: string): boolean =>
      signal?.aborted !== true && isDue(plan, kind, records, Date.now(), podId);
    const outcomes: UpkeepOutcome[] = [];
    if (isNow('prune')) outcomes.push(await this.#try({ kind: 'prune' }, () => this.#prune(policy)));
    if (isNow('check'))
      outcomes.push(await this.#try({ kind: 'check' }, () => this.#check(entries, signal), signal));
    if (plan.drill === undefined) return outcomes;
    for (const podId of await this.#readablePods()) {
      if (isNow('drill', podId))
        outcomes.push(await this.#try({ kind: 'drill', podId }, () => this.#drill(podId, signal), signal));
    }
    return outcomes;
  }

  async #prune(policy: RetentionPolicy): Promise<Told> {
    const plan = {
      policy,
      graceMs: GRACE_MS,
      nowMs: Date.now(),
      isDryRun: false,
      onProgress: this.#onProgress,
    };
    const outcomes = await pruneHomePods(this.#settings.homeDir, undefined, plan);
    const failed = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome] : []));
    const done = outcomes.flatMap((outcome) => ('error' in outcome ? [] : [outcome]));
    const freedBytes = done.reduce((sum, { freedBytes: each }) => sum + each, 0);
    const forgottenCount = done.reduce((sum, { forgottenCount: each }) => sum + each, 0);
    return {
      fields: {
        freedBytes,
        forgottenCount,
        failed: failed.map(({ podId, error }) => `${podId}: ${String(error)}`),
      },
      text: `home forgot ${forgottenCount} heads and freed ${freedBytes} bytes`,
      isWarning: failed.length > 0,
    };
  }

  async #check(entries: readonly JournalEntry[], signal: AbortSignal | undefined): Promise<Told> {
    const { homeDir, checkShare } = this.#settings;
    const last = entries.findLast(
      ({ type, kind, isDone }) => type === ENTRY && kind === 'check' && isDone === true,
    );
    const after = typeof last?.until === 'string' ? last.until : undefined;
    const options = { onProgress: this.#onProgress, ...(signal === undefined ? {} : { signal }) };
    const sample = await checkHomeSample(homeDir, { share: checkShare, after }, options);
    const { checkedObjects, totalObjects, damaged } = sample;
    const found =
      damaged.length === 0 ? 'nothing is damaged' : `${damaged.length} are DAMAGED: ${damaged[0]}`;
    return {
      fields: { ...sample },
      text: `home checked ${checkedObjects} of ${totalObjects} objects: ${found}`,
      isWarning: damaged.length > 0,
    };
  }

  async #drill(podId: string, signal: AbortSignal | undefined): Promise<Told> {
    const { homeDir, identityFile, resumes, scratchDir } = this.#settings;
    const identity = await readHomeIdentity(identityFile);
    if (identity === undefined) throw new TypeError('a home without identity opened a pod');
    const report = await runDrill({
      ...{
        from: homeDir,
        podId,
        resumes: resumesSession(resumes, podId),
        scratchDir,
        onProgress: this.#onProgress,
      },
      credential: { homeIdentity: identity.identity },
      ...(signal === undefined ? {} : { signal }),
    });
    return { fields: drillFields(report), text: drillText(report), isWarning: false };
  }

  async #try(about: UpkeepWork, work: () => Promise<Told>, signal?: AbortSignal): Promise<UpkeepOutcome> {
    // what cannot be written down would be done again and again, and so would what ends this process
    await this.#journal.add(ENTRY, { ...about, isBegun: true });
    try {
      const { fields, text, isWarning } = await work();
      await this.#journal.add(ENTRY, { ...about, isDone: true, ...fields });
      return { ...about, isDone: true, text, isWarning };
    } catch (failure) {
      const error = signal?.aborted === true ? stopped(about.kind, failure) : storageError(failure);
      const message = error instanceof Error ? error.message : String(error);
      await this.#journal.add(ENTRY, {
        ...{ ...about, isDone: false, message },
        ...(isDeskPodError(error) ? { code: error.code } : {}),
      });
      if (isDeskPodError(error, 'CANCELLED'))
        return { ...about, isDone: false, text: message, isWarning: false };
      return { ...about, isDone: false, text: `${WORKS[about.kind]} failed: ${message}`, isWarning: true };
    }
  }

  /** The pods that let this home read them. */
  async #readablePods(): Promise<string[]> {
    const { homeDir, identityFile } = this.#settings;
    const identity = await readHomeIdentity(identityFile);
    if (identity === undefined) return [];
    const readable: string[] = [];
    for (const podId of await readdir(join(homeDir, 'pods')).catch(unlessAway))
      if (await mayRead(join(homeDir, 'pods', podId), identity.identity)) readable.push(podId);
    return readable;
  }
}

/** Whether a drill of this pod resumes its session, by the settings. */
export function resumesSession(resumes: UpkeepSettings['resumes'], podId: string): boolean {
  return typeof resumes === 'boolean' ? resumes : resumes.includes(podId);
}

/** What is told of one work, and written about it. */
interface Told {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly isWarning: boolean;
}

const WORKS: Readonly<Record<UpkeepKind, string>> = {
  prune: 'forgetting at home',
  check: 'checking home',
  drill: 'a restore drill',
};

/** A drill says itself what it left; one that could not remove its copy fails by that. */
function stopped(kind: UpkeepKind, cause: unknown): unknown {
  if (kind === 'drill') return storageError(cause);
  return new DeskPodError('CANCELLED', `${WORKS[kind]} was stopped`, { cause });
}

/** What the journal keeps of a drill. */
export function drillFields(report: DrillReport): Readonly<Record<string, unknown>> {
  return { ...report };
}

/** A drill in one sentence. */
export function drillText({
  podId,
  checkpoint,
  durationMs,
  hasSession,
  likeness,
  noSession,
}: DrillReport): string {
  const session = hasSession
    ? `, and its session went on (${Math.round((likeness ?? 1) * 100)} % of its screen is as it was)`
    : '';
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  const without = noSession === undefined ? '' : ` ${noSession}`;
  return `pod ${podId} was rebuilt up to checkpoint ${checkpoint} in ${seconds} s, every byte proven${session}.${without}`;
}

/** The drill of a pod that was proven last, by the journal; its device is told of it when it comes home. */
export function lastProven(entries: readonly JournalEntry[], podId: string): ProvenByDrill | undefined {
  const last = entries.findLast(
    (entry) =>
      entry.type === ENTRY && entry.kind === 'drill' && entry.podId === podId && entry.isDone === true,
  );
  if (last === undefined) return undefined;
  const { checkpoint, provenAtMs, durationMs, readBytes, hasSession } = last as unknown as ProvenByDrill;
  return { checkpoint, provenAtMs, durationMs, readBytes, hasSession };
}

/** Writes down a drill that somebody asked for. */
export function recordDrill(journal: Journal, report: DrillReport): Promise<void> {
  return journal.add(ENTRY, { kind: 'drill', isDone: true, ...drillFields(report) });
}

/** What was done and what failed, or was begun and never ended. What was stopped is due as it was before. */
function recordsOf(entries: readonly JournalEntry[]): UpkeepRecord[] {
  const ended: UpkeepRecord[] = [];
  const begun = new Map<string, UpkeepRecord>();
  for (const { type, kind, atMs, podId, isBegun, isDone, code } of entries) {
    if (type !== ENTRY || (kind !== 'prune' && kind !== 'check' && kind !== 'drill')) continue;
    const record: UpkeepRecord = {
      kind,
      atMs,
      isDone: isDone === true,
      ...(typeof podId === 'string' ? { podId } : {}),
    };
    const name = `${kind} ${podId}`;
    if (isBegun === true) begun.set(name, record);
    else begun.delete(name);
    if (typeof isDone === 'boolean' && code !== 'CANCELLED') ended.push(record);
  }
  return [...ended, ...begun.values()];
}

async function mayRead(podDir: string, identity: string): Promise<boolean> {
  try {
    const headBytes = await new HomeFolder(podDir).readHead();
    if (headBytes === undefined) return false;
    const path = join(podDir, 'keyrings', toHex(peekHead(headBytes).keyring));
    const plain = { path, code: 'KEYRING_DAMAGED', subject: 'a keyring at home' } as const;
    const grant = await findGrant(await readPlainFile(plain, KEYRING_MOST_BYTES), identity);
    return grant?.secrets !== undefined;
  } catch (error) {
    // a check finds what is damaged, and says so
    if (isDeskPodError(error) || isSystemError(error, 'ENOENT')) return false;
    throw error;
  }
}

function unlessAway(error: unknown): string[] {
  if (!isSystemError(error, 'ENOENT')) throw storageError(error);
  return [];
}
