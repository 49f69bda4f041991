// A path in a checkpoint, as a user names it and as he is told of it.
import { DeskPodError } from '../../core/errors.ts';
import { pathFault } from '../../core/path-order.ts';
import { displayPath, pathBytes } from '../files/byte-path.ts';

/** A path in JSON. What is not UTF-8 is shown with `\xff` for such bytes, and stands in base64 besides. */
export interface PathReport {
  readonly path: string;
  readonly pathBase64?: string;
}

/** A path as JSON carries it without loss. */
export function reportPath(path: Uint8Array): PathReport {
  const bytes = pathBytes(path);
  const text = bytes.toString();
  if (Buffer.from(text).equals(bytes)) return { path: text };
  return { path: displayPath(bytes), pathBase64: bytes.toString('base64') };
}

/**
 * The bytes of a path that a user named: it counts from the top of the checkpoint, with or without a slash before it.
 * Empty for the top itself.
 * @throws DeskPodError USAGE for one that leads elsewhere, or base64 that is none
 */
export function parsePath({ path, pathBase64 }: PathReport): Uint8Array {
  if (pathBase64 !== undefined && Buffer.from(pathBase64, 'base64').toString('base64') !== pathBase64)
    throw new DeskPodError('USAGE', `"${pathBase64}" is not base64`, { hint: 'Give it with its padding.' });
  const bytes = pathBase64 === undefined ? Buffer.from(path) : Buffer.from(pathBase64, 'base64');
  // latin1 keeps every byte what it is
  const parts = bytes.toString('latin1').split('/');
  const kept = parts.filter((part) => part !== '' && part !== '.').join('/');
  const normal = Buffer.from(kept, 'latin1');
  const fault = normal.length === 0 ? undefined : pathFault(normal);
  if (fault === undefined) return normal;
  throw new DeskPodError('USAGE', `${displayPath(bytes)}: expected a path in the checkpoint, got ${fault}`, {
    hint: 'Paths count from the top of the checkpoint; see it with `deskpod ls`.',
    details: { ...reportPath(bytes) },
  });
}

/** The error for a path that a checkpoint does not have. */
export function pathNotFound(path: Uint8Array, checkpoint: number): DeskPodError {
  return new DeskPodError('PATH_NOT_FOUND', `${displayPath(path)} is not in checkpoint ${checkpoint}`, {
    hint: 'See what is there with `deskpod ls`, or look for it in all checkpoints with `deskpod find NAME`.',
    details: { ...reportPath(path), checkpoint },
  });
}
