// How much is done side by side: what the computer has, and what the places bear that bytes come from and go to.

/** What a place lies on. */
export interface MediumFacts {
  /** Another computer has it: reached by ssh or a daemon, or a file system of the network. */
  readonly isRemote: boolean;
  /** Undefined if nobody knows: a virtual drive, memory, a file system of several drives. */
  readonly isRotational: boolean | undefined;
  /** It can be pulled out. */
  readonly isRemovable: boolean;
  /** How many requests it takes at a time; undefined if the kernel does not say. */
  readonly queueDepth: number | undefined;
}

/**
 * The kinds that matter. `turns`: one request after the other is fastest, as the head has to move, or the bridge of a stick
 * takes no second one. `solid`: several at a time are faster. `unknown` is treated as solid: a wrong guess costs little there.
 */
export type Medium = 'remote' | 'turns' | 'solid' | 'unknown';

/** What a computer has for the work. */
export interface HostFacts {
  /** One or more. */
  readonly processors: number;
  /** In bytes, what is free or can be freed, within any limit on this process. */
  readonly availableMemory: number;
}

/** How much of a repository is worked on side by side. */
export interface WorkWidth {
  /** Threads: each reads, seals, proves or writes by itself. One or more. */
  readonly workers: number;
  /** Objects that are looked at side by side, so that no thread waits for the next one. */
  readonly lanes: number;
  /** Stretches of one long file that are read side by side. */
  readonly stretches: number;
  /** In a few words. */
  readonly reason: string;
}

/** How many transfers go to or come from a home side by side. */
export interface StreamWidth {
  /** One or more. */
  readonly streams: number;
  /** In a few words. */
  readonly reason: string;
}

/** More would wait for the drive, and each takes memory for the packs that it fills. */
const WORKERS_MAX = 4;
/** What a thread holds at the most, and how small a part of what is free all of them may take. */
const WORKER_BYTES = 80 * 1024 * 1024;
const MEMORY_SHARE = 0.25;
/** One that reads while another computes. */
const WORKERS_IN_TURNS = 2;
const LANES = 4;
const STREAMS_MAX = 4;
/** Of both ends of a transfer on this computer; on another, half of them are there. */
const PROCESSES_OF_STREAM = 2;
/** The wait for one connection's answers is another's time to send, even on one processor. */
const STREAMS_OVER_NETWORK_MIN = 2;
/** A connection costs about as much as sending so much. */
const STREAM_MIN_BYTES = 16 * 1024 * 1024;

/** The kind of a medium, by what is known of it. */
export function mediumOf({ isRemote, isRotational, isRemovable, queueDepth }: MediumFacts): Medium {
  if (isRemote) return 'remote';
  if (isRotational === true || queueDepth === 1) return 'turns';
  if (isRemovable && queueDepth === undefined) return 'turns';
  return isRotational === undefined ? 'unknown' : 'solid';
}

/** How many threads a repository on such a medium is worked on by. */
export function fitWork(medium: Medium, { processors, availableMemory }: HostFacts): WorkWidth {
  const byMemory = Math.floor((availableMemory * MEMORY_SHARE) / WORKER_BYTES);
  const byMedium = medium === 'turns' ? WORKERS_IN_TURNS : WORKERS_MAX;
  const workers = Math.max(1, Math.min(processors, byMedium, byMemory));
  const lanes = medium === 'turns' ? workers : Math.max(workers, LANES);
  const stretches = medium === 'turns' ? 1 : workers;
  return { workers, lanes, stretches, reason: reasonOf(workers, { processors, byMedium, byMemory }) };
}

function reasonOf(
  workers: number,
  { processors, byMedium, byMemory }: { processors: number; byMedium: number; byMemory: number },
): string {
  if (byMemory < Math.min(processors, byMedium)) return 'little memory is free';
  if (workers === processors) return processors === 1 ? 'one processor' : `${processors} processors`;
  return byMedium === WORKERS_IN_TURNS
    ? 'the drive serves one request after the other'
    : 'more would wait for the drive';
}

/** A transfer between this computer and a home. */
export interface TransferFacts {
  /** Of the end on this computer. */
  readonly here: Medium;
  /** Of the home. */
  readonly home: Medium;
  /** An rsync daemon, which may take a few connections only. */
  readonly isDaemon: boolean;
  /** It is to take no more than so much of the line. */
  readonly isLimited: boolean;
  readonly sizeBytes: number;
  /** As many as somebody asked for. */
  readonly asked: number | undefined;
}

/** How many streams a transfer is shared out to. */
export function fitStreams(facts: TransferFacts, { processors }: HostFacts): StreamWidth {
  const { here, home, isDaemon, isLimited, sizeBytes, asked } = facts;
  if (asked !== undefined) return { streams: asked, reason: 'as asked for' };
  if (isLimited) return { streams: 1, reason: 'the rate is limited' };
  if (here === 'turns') return { streams: 1, reason: 'the drive here serves one request after the other' };
  if (home === 'turns') return { streams: 1, reason: 'the drive at home serves one request after the other' };
  if (isDaemon) return { streams: 1, reason: 'a daemon may take few connections' };
  const bySize = Math.max(1, Math.floor(sizeBytes / STREAM_MIN_BYTES));
  const least = home === 'remote' ? STREAMS_OVER_NETWORK_MIN : 1;
  const share = home === 'remote' ? processors : Math.floor(processors / PROCESSES_OF_STREAM);
  const byProcessors = Math.min(STREAMS_MAX, Math.max(least, share));
  if (bySize < byProcessors) return { streams: bySize, reason: 'there is little to transfer' };
  const processorsText = processors === 1 ? 'one processor' : `${processors} processors`;
  return {
    streams: byProcessors,
    reason: home === 'remote' ? `over the network, ${processorsText}` : processorsText,
  };
}
