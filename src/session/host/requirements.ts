// What a session needs of its host, asked before anything is touched: what is missing is named, with its cure.
import { readFile } from 'node:fs/promises';
import { DeskPodError } from '../../core/errors.ts';
import { examineForSession } from './host-kernel.ts';
import { locateRuntime } from './runtime.ts';

const MEBIBYTE = 2 ** 20;
/** Images are in memory beside the processes that are made of them. */
const COPIES = 2;

/**
 * Looks whether a session can run on this host.
 * @throws DeskPodError HOST_UNSUPPORTED for the kernel, RUNTIME_MISSING for programs that are missing or too old
 */
export async function requireHost(): Promise<void> {
  await locateRuntime();
  const lacking = (await examineForSession()).find(({ ok }) => !ok);
  if (lacking === undefined) return;
  const { name, found, needed, cure } = lacking;
  throw new DeskPodError('HOST_UNSUPPORTED', `this host lacks ${name}: expected ${needed}, got ${found}`, {
    ...(cure === undefined ? {} : { hint: cure }),
    details: { name, found, needed },
  });
}

/**
 * Looks whether the processes of images this long fit into the memory of this host.
 * @throws DeskPodError HOST_UNSUPPORTED
 */
export function requireMemory(imageBytes: number, availableBytes: number): void {
  const neededBytes = COPIES * imageBytes;
  if (neededBytes <= availableBytes) return;
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / MEBIBYTE)} MiB`;
  throw new DeskPodError(
    'HOST_UNSUPPORTED',
    `the session needs ${mebibytes(neededBytes)} of free memory to be resumed, and this host has ${mebibytes(availableBytes)}`,
    {
      hint: 'End other programs of this host, or start afresh here, with all files: deskpod start --fresh.',
      details: { neededBytes, availableBytes },
    },
  );
}

/** Memory that programs of this host could still have, in bytes. */
export async function availableMemory(): Promise<number> {
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'latin1'))?.[1];
  return kibibytes === undefined ? Number.POSITIVE_INFINITY : Number(kibibytes) * 1024;
}
