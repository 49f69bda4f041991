// Links programs for one place on a host: with its loader, and its libraries before all others.
import { open } from 'node:fs/promises';
import { DeskPodError } from '../src/core/errors.ts';
import { run } from '../src/sync/process.ts';

/** Of the ELF header and of a program header, as elf(5) has them for 64 bits. */
const HEADER_BYTES = 64;
const HEADERS_AT = 32;
const HEADER_SIZE_AT = 54;
const HEADER_COUNT_AT = 56;
const PT_LOAD = 1;

/**
 * Links a program in its file.
 * @param loader where its loader will be
 * @param libraryDir where its libraries will be
 * @throws DeskPodError RUNTIME_MISSING if what patchelf makes of it is no program that every kernel loads
 */
export async function linkProgram(path: string, loader: string, libraryDir: string): Promise<void> {
  // One after the other, in this order: patchelf 0.18 otherwise lays what it adds to Node over the segment that follows.
  // A kernel of 2025 takes that, one of 2024 starts a program that dies at once.
  await run('patchelf', ['--force-rpath', '--set-rpath', libraryDir, path]);
  await run('patchelf', ['--set-interpreter', loader, path]);
  const [first] = findOverlaps(await readSegments(path));
  if (first === undefined) return;
  throw new DeskPodError('RUNTIME_MISSING', `${path}: expected segments side by side, got ${first}`, {
    hint: 'This version of patchelf breaks it: try one of another release of Debian.',
    details: { path },
  });
}

/** Where a part of a program lies in memory, in bytes. */
interface Segment {
  readonly start: number;
  readonly end: number;
}

async function readSegments(path: string): Promise<Segment[]> {
  const file = await open(path);
  try {
    const { buffer: header } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const sizeBytes = header.readUInt16LE(HEADER_SIZE_AT);
    const table = Buffer.alloc(sizeBytes * header.readUInt16LE(HEADER_COUNT_AT));
    await file.read(table, 0, table.length, Number(header.readBigUInt64LE(HEADERS_AT)));
    const segments: Segment[] = [];
    for (let at = 0; at < table.length; at += sizeBytes) {
      if (table.readUInt32LE(at) !== PT_LOAD) continue;
      const start = Number(table.readBigUInt64LE(at + 16));
      segments.push({ start, end: start + Number(table.readBigUInt64LE(at + 40)) });
    }
    return segments;
  } finally {
    await file.close();
  }
}

/** Those that begin before the one in front of them ends, in words. */
function findOverlaps(segments: readonly Segment[]): string[] {
  const inOrder = segments.toSorted((a, b) => a.start - b.start);
  return inOrder
    .slice(1)
    .map((segment, i) => ({ segment, end: inOrder[i]?.end ?? 0 }))
    .filter(({ segment, end }) => segment.start < end)
    .map(
      ({ segment, end }) =>
        `one at 0x${segment.start.toString(16)} before the end of another at 0x${end.toString(16)}`,
    );
}
