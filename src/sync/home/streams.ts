// One transfer in several streams side by side, each an rsync of its own.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '../../core/progress.ts';
import { shareOut } from '../../core/share-out.ts';
import { fitStreams, mediumOf, type StreamWidth } from '../../core/side-by-side.ts';
import { readMedium } from '../medium/read-medium.ts';
import { hostFacts } from '../medium/work-width.ts';
import type { Rsync, RsyncCall } from './rsync.ts';
import type { RsyncPlace } from './rsync-place.ts';

type Sizes = ReadonlyMap<string, number>;

/** How many streams objects of these sizes go in between the repository in `dir` and a home. */
export function chooseStreams({ address, access }: RsyncPlace, dir: string, sizes: Sizes): StreamWidth {
  const facts = {
    here: mediumOf(readMedium(dir)),
    home: address.kind === 'folder' ? mediumOf(readMedium(address.path)) : ('remote' as const),
    isDaemon: address.kind === 'daemon',
    isLimited: access.bytesPerSecond !== undefined,
    sizeBytes: sumOf(sizes),
    asked: access.streams,
  };
  return fitStreams(facts, hostFacts());
}

/**
 * The sizes of those of `objects` that are not in the repository yet, as far as somebody told them: nothing of a folder.
 * All of them if nothing is missing, so that home says itself what it lacks.
 */
export function sizesOfMissing(dir: string, objects: readonly string[], told: Sizes | undefined): Sizes {
  const isMissing = (object: string): boolean =>
    object.endsWith('/') || lstatSync(join(dir, object), { throwIfNoEntry: false }) === undefined;
  const wanted = told === undefined ? objects : objects.filter(isMissing);
  return new Map((wanted.length === 0 ? objects : wanted).map((object) => [object, told?.get(object) ?? 0]));
}

/**
 * Runs a call for each share of the objects; gives what each printed. If one fails the others are stopped, and what failed
 * first is thrown. Progress is told of all of them together, with their total if their sizes are known.
 */
export async function runStreams(
  rsync: Rsync,
  sizes: Sizes,
  streams: number,
  callOf: (objects: readonly string[]) => RsyncCall,
): Promise<string[]> {
  const shares = streams === 1 ? [{ objects: [...sizes.keys()] }] : shareOut(sizes, streams);
  const totalBytes = sumOf(sizes);
  const total = totalBytes === 0 ? {} : { totalBytes };
  const done = shares.map(() => 0);
  const failed = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  const run = async (
    { objects }: { readonly objects: readonly string[] },
    index: number,
  ): Promise<string> => {
    const { onProgress, signal, ...call } = callOf(objects);
    const signals = signal === undefined ? [failed.signal] : [failed.signal, signal];
    const tell = ({ doneBytes = 0, ...progress }: Progress): void => {
      done[index] = doneBytes;
      onProgress?.({ ...progress, doneBytes: done.reduce((sum, bytes) => sum + bytes, 0), ...total });
    };
    try {
      return await rsync.run({
        ...call,
        ...(onProgress === undefined ? {} : { onProgress: tell }),
        signal: AbortSignal.any(signals),
        parts: shares.length,
      });
    } catch (error) {
      failure ??= { error };
      failed.abort();
      return '';
    }
  };
  const outputs = await Promise.all(shares.map(run));
  if (failure !== undefined) throw failure.error;
  return outputs;
}

function sumOf(sizes: Sizes): number {
  return [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}
