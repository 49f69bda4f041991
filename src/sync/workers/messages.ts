// What the main thread and the threads that do the heavy work say to each other.
import type { ChunkSizes } from '../../core/chunker.ts';
import type { PackEntry } from '../../core/pack.ts';
import type { SealedParts } from '../age/age.ts';

/** What a worker needs once, before anything else. */
export interface SetUp {
  readonly type: 'setUp';
  readonly chunkIdKey: Uint8Array;
  readonly table: Int32Array;
}

/** Cut strings into chunks and say their ids. The bytes are kept until the {@link KeepOrder} of the same number. */
export interface CutOrder {
  readonly type: 'cut';
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Encoded: as objects they would take longer to send than to work on. */
  readonly runs: Uint32Array;
  readonly sizes: ChunkSizes;
}

/** A file to be read by whoever is given the order. */
export interface FileSource {
  /** Its path's bytes. */
  readonly place: Uint8Array;
  /** Of the inode that it must be, before and after it was read: see `StatReader`. */
  readonly stamp: Uint8Array;
  readonly sizeBytes: number;
}

/** Like {@link CutOrder}, of runs of files, which are read first. */
export interface CutFilesOrder {
  readonly type: 'cutFiles';
  readonly number: number;
  /** Encoded: as objects they would take longer to send than to work on. */
  readonly runs: Uint8Array;
  readonly sizes: ChunkSizes;
}

/** Put those chunks of a batch that are new into the pack of a sort. */
export interface KeepOrder {
  readonly type: 'keep';
  readonly number: number;
  /** One byte for each chunk: 1 if it is new. */
  readonly isNew: Uint8Array;
  readonly sort: string;
  readonly level: number;
  /** For the pack that this may fill. */
  readonly header: PackHeader | undefined;
  /** Memory of packs that were sealed before, to be used again. */
  readonly spares: readonly Uint8Array[];
}

/** What a pack is sealed with; each serves one. */
export interface PackHeader {
  readonly header: Uint8Array;
  readonly fileKey: Uint8Array;
}

/** Seal the pack of a sort, full or not, if it has chunks. */
export interface FinishOrder {
  readonly type: 'finish';
  readonly number: number;
  readonly sort: string;
  readonly header: PackHeader;
}

/** Read chunks that lie near each other in one pack, ascending by offset. */
export interface ReadOrder {
  readonly type: 'read';
  readonly number: number;
  /** The pack's file, open in this process until the answer. */
  readonly fd: number;
  readonly parts: SealedParts;
  /** They, as a pack's index says it. */
  readonly chunks: Uint8Array;
}

/** Like {@link ReadOrder}, of chunks that are written to files at once. */
export interface PlaceOrder extends Omit<ReadOrder, 'type'> {
  readonly type: 'place';
  /** Of each chunk: the file, open in this process until the answer, the position, and 1 if zeros are to be holes. */
  readonly places: Float64Array;
}

/** Like {@link ReadOrder}, of chunks that each become a file of its own. */
export interface MakeOrder extends Omit<ReadOrder, 'type'> {
  readonly type: 'make';
  /** Of each chunk its file, encoded: as objects they would take longer to send than to work on. */
  readonly files: Uint8Array;
}

/** Read a whole pack: do its bytes bear out its name, and each chunk its id? */
export interface ProveOrder {
  readonly type: 'prove';
  readonly number: number;
  /** The pack's file, open in this process until the answer. */
  readonly fd: number;
  readonly parts: SealedParts;
  /** The pack's own index. */
  readonly entries: readonly PackEntry[];
}

export type Order =
  | CutOrder
  | CutFilesOrder
  | KeepOrder
  | FinishOrder
  | ReadOrder
  | PlaceOrder
  | MakeOrder
  | ProveOrder;

/** The chunks that a batch completes. */
export interface ToldChunks {
  /** 32 bytes each. */
  readonly ids: Uint8Array;
  readonly lengths: Uint32Array;
}

export interface CutAnswer extends ToldChunks {
  readonly type: 'cut';
  readonly number: number;
}

export interface CutFilesAnswer extends ToldChunks {
  readonly type: 'cutFiles';
  readonly number: number;
  /** How many of them each run completes; {@link UNREAD} if it could not be read as the inode that it must be. */
  readonly counts: Uint32Array;
}

/** No run completes so many chunks. */
export const UNREAD = 0xffff_ffff;

/** A batch is done with. */
export interface KeepAnswer {
  readonly type: 'keep';
  readonly number: number;
  /** The bytes that came with its order, to be used again; none if it was read from files. */
  readonly bytes: Uint8Array | undefined;
  /** The packs that it filled. */
  readonly packs: readonly SealedPack[];
}

/** A pack, ready to be stored. */
export interface SealedPack {
  /** In memory that both sides see, so that nothing is copied: it goes back with a later {@link KeepOrder}. */
  readonly sealed: Uint8Array;
  readonly sha256: Uint8Array;
  /** The bytes of its index. */
  readonly index: Uint8Array;
}

export interface FinishAnswer {
  readonly type: 'finish';
  readonly number: number;
  readonly pack: SealedPack | undefined;
}

/** The chunks' plaintexts one after the other; undefined if any of them was not as it should be. */
export interface ReadAnswer {
  readonly type: 'read';
  readonly number: number;
  readonly plain: Uint8Array | undefined;
}

/** Whether all of the chunks are as they should be, and were written. */
export interface PlaceAnswer {
  readonly type: 'place';
  readonly number: number;
  readonly isPlaced: boolean;
}

/** What became of each file of a {@link MakeOrder}, one byte each. */
export interface MakeAnswer {
  readonly type: 'make';
  readonly number: number;
  readonly made: Uint8Array;
}

/** Nothing is there: its chunk is not as it should be, or it could not be written, whatever the reason. */
export const NOT_MADE = 0;
export const MADE = 1;
/** Its content is there, but owner, mode and time are still to be set. */
export const MADE_UNDESCRIBED = 2;

/** What a pack was found to be. */
export interface ProveAnswer {
  readonly type: 'prove';
  readonly number: number;
  /** Of the bytes that could be read. */
  readonly sha256: Uint8Array;
  /** Which of the order's entries are not as their ids say, ascending. */
  readonly damagedChunks: readonly number[];
  /** What the system said of a place that can not be read. */
  readonly unreadable: string | undefined;
}

/** Work that failed for a reason of the machine's; damage is no failure. */
export interface FailAnswer {
  readonly type: 'fail';
  readonly number: number;
  readonly error: unknown;
}

/** That a thread has loaded its code and been set up. */
export interface SetUpAnswer {
  readonly type: 'setUp';
}

export type Answer =
  | SetUpAnswer
  | CutAnswer
  | CutFilesAnswer
  | KeepAnswer
  | FinishAnswer
  | ReadAnswer
  | PlaceAnswer
  | MakeAnswer
  | ProveAnswer
  | FailAnswer;
