// zstd for chunks: the library inside Node, called directly, as an object of node:zlib costs more than a small chunk.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { declareBundled } from '../posix/libc.ts';

const createCompressor = declareBundled('void *ZSTD_createCCtx()');
const compressCall = declareBundled(
  'size_t ZSTD_compressCCtx(void *context, void *target, size_t capacity, const void *source, size_t length, int level)',
);
const createDecompressor = declareBundled('void *ZSTD_createDCtx()');
const decompressCall = declareBundled(
  'size_t ZSTD_decompressDCtx(void *context, void *target, size_t capacity, const void *source, size_t length)',
);

/** One of each for a thread; zstd keeps its tables in them. */
const compressor: unknown = createCompressor?.();
const decompressor: unknown = createDecompressor?.();

/** zstd's own bound on what input that does not compress grows by, and some more. */
export function compressedBound(length: number): number {
  return length + (length >> 8) + 1024;
}

/** Compresses `plain` into the front of `target`, which has {@link compressedBound} bytes. Returns the length there. */
export function compressInto(target: Uint8Array, plain: Uint8Array, level: number): number {
  if (compressCall === undefined || !compressor) {
    const params = { [constants.ZSTD_c_compressionLevel]: level };
    const compressed = zstdCompressSync(plain, { params, pledgedSrcSize: plain.length });
    target.set(compressed);
    return compressed.length;
  }
  const length = Number(compressCall(compressor, target, target.length, plain, plain.length, level));
  if (length > target.length)
    throw new Error(`zstd: expected to compress ${plain.length} bytes, got an error`);
  return length;
}

/** Decompresses `stored` into `target`, which it must fill. False if it does not, or is not zstd at all. */
export function decompressInto(target: Uint8Array, stored: Uint8Array): boolean {
  if (decompressCall === undefined || !decompressor) {
    try {
      const plain = zstdDecompressSync(stored, { maxOutputLength: Math.max(1, target.length) });
      if (plain.length === target.length) target.set(plain);
      return plain.length === target.length;
    } catch {
      return false; // whoever asked names the chunk
    }
  }
  return Number(decompressCall(decompressor, target, target.length, stored, stored.length)) === target.length;
}
