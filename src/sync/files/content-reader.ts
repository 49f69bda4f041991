// What a restore reads from: the content of files by its chunks, and who can write it to its place at once.
import type { Root } from '../../core/root.ts';
import type { NewFile } from '../workers/new-files.ts';

/** Where the bytes of a restore come from. Calls overlap. */
export interface ContentReader {
  /** The bytes of a chunk, which were checked against its id. */
  readChunk(id: Uint8Array): Promise<Uint8Array>;
  /** The byte string under a root. */
  readRoot(root: Root): AsyncIterable<Uint8Array>;
  /**
   * Begins to write a chunk to a place of an open file, which stays open meanwhile; undefined if it is not one to be written
   * so, or longer than `maxBytes`: then it is read, and what is wrong with it found.
   */
  place?(id: Uint8Array, place: FilePlace): PlacedChunk | undefined;
  /**
   * Begins to make a file of one chunk, which is as long as `sizeBytes`; undefined if it is not one to be made so. What
   * comes of it is told in any case.
   */
  makeFile?(id: Uint8Array, sizeBytes: number, file: NewFile): Promise<MadeFile> | undefined;
}

/** `nothing` is there if it could not be made, whatever the reason; `content` if it is still to be described. */
export type MadeFile = 'whole' | 'content' | 'nothing';

/** A place in an open file. */
export interface FilePlace {
  readonly fd: number;
  readonly position: number;
  /** True if runs of zeros are to be holes: nothing lies there yet. */
  readonly isSparse: boolean;
  readonly maxBytes: number;
}

/** A chunk that is being written. */
export interface PlacedChunk {
  readonly sizeBytes: number;
  /** False if it could not be read or written there, whatever the reason. */
  readonly isPlaced: Promise<boolean>;
}
