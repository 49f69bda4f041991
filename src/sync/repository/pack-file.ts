// A pack in a repository, opened: its index, and any run of its plaintext.
import type { FileHandle } from 'node:fs/promises';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { decodePackFooter, decodePackIndex, PACK_FOOTER_BYTES, type PackEntry } from '../../core/pack.ts';
import { type RandomAccess, SealedFile, type SealedParts } from '../age/age.ts';
import { unreadableError } from '../storage-failure.ts';
import { isSystemError } from './durable-file.ts';
import { openPlainFile } from './plain-file.ts';
import type { Repository } from './repository.ts';

/** A pack that is open for reading. */
export class PackFile {
  /** The pack's name. */
  readonly name: string;
  readonly #file: FileHandle;
  readonly #sealed: SealedFile;

  private constructor(name: string, file: FileHandle, sealed: SealedFile) {
    this.name = name;
    this.#file = file;
    this.#sealed = sealed;
  }

  /** Opens a pack. Throws OBJECT_MISSING, or OBJECT_DAMAGED if `identity` does not open it. The caller closes it. */
  static async open(repository: Repository, name: string, identity: string): Promise<PackFile> {
    const file = await openPack(repository.objectPath('packs', name), name);
    try {
      const sealed = await SealedFile.open(await fileAccess(file), { identity });
      return new PackFile(name, file, sealed);
    } catch (error) {
      await file.close();
      throw nameDamage(error, name);
    }
  }

  /** Length of the plaintext in bytes. */
  get plainLength(): number {
    return this.#sealed.plainLength;
  }

  /** What reading the pack on another thread takes, as long as it is open. */
  get shared(): { readonly fd: number; readonly parts: SealedParts } {
    return { fd: this.#file.fd, parts: this.#sealed.parts };
  }

  /** The chunks that the pack holds. Throws PACK_DAMAGED or OBJECT_DAMAGED. */
  async entries(): Promise<PackEntry[]> {
    const length = this.#sealed.plainLength;
    if (length < PACK_FOOTER_BYTES) {
      throw new DeskPodError('PACK_DAMAGED', `pack ${this.name}: expected a footer, got ${length} bytes`);
    }
    const indexLength = decodePackFooter(
      await this.read(length - PACK_FOOTER_BYTES, PACK_FOOTER_BYTES),
      length,
    );
    const index = await this.read(length - PACK_FOOTER_BYTES - indexLength, indexLength);
    return decodePackIndex(index, length);
  }

  /** A run of the pack's plaintext. Throws PACK_DAMAGED if it reaches out of the pack, OBJECT_DAMAGED. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset + length > this.#sealed.plainLength) {
      const text = `pack ${this.name}: expected a chunk within ${this.#sealed.plainLength} bytes, got ${offset} + ${length}`;
      throw new DeskPodError('PACK_DAMAGED', text);
    }
    try {
      return await this.#sealed.read(offset, length);
    } catch (error) {
      throw nameDamage(error, this.name);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function openPack(path: string, name: string): Promise<FileHandle> {
  try {
    return await openPlainFile({ path, code: 'OBJECT_DAMAGED', subject: `packs/${name}` });
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT')) throw nameDamage(cause, name);
    throw new DeskPodError('OBJECT_MISSING', `packs/${name}: expected it in the repository, got nothing`, {
      details: { kind: 'packs', name },
      cause,
    });
  }
}

async function fileAccess(file: FileHandle): Promise<RandomAccess> {
  const { size } = await file.stat();
  return {
    sizeBytes: size,
    read: async (offset, length) => {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0)
          throw new DeskPodError('OBJECT_DAMAGED', `expected ${length} bytes, got ${done}`);
        done += bytesRead;
      }
      return bytes;
    },
  };
}

/** The identity is known to be the pod's, so a header that it does not open is a damaged one. */
function nameDamage(error: unknown, name: string): unknown {
  if (!isDeskPodError(error, 'KEYRING_NO_IDENTITY') && !isDeskPodError(error, 'OBJECT_DAMAGED'))
    return unreadableError(error, 'OBJECT_DAMAGED', `packs/${name}`);
  return new DeskPodError('OBJECT_DAMAGED', `packs/${name}: ${error.message}`, {
    details: { ...error.details, kind: 'packs', name },
    cause: error,
  });
}
