// Restore: makes a tree from its manifest.
import { mkdirSync, readdirSync } from 'node:fs';
import { DeskPodError } from '../../core/errors.ts';
import { ManifestDecoder } from '../../core/manifest.ts';
import type { Root } from '../../core/root.ts';
import { displayPath, pathBytes } from './byte-path.ts';
import type { ContentReader } from './content-reader.ts';
import { EarlySync } from './early-sync.ts';
import type { RestoreOptions, RestoreResult } from './restore-request.ts';
import { RestoreTarget, writeFailure } from './restore-target.ts';
import { RestoreWalk } from './restore-walk.ts';

/**
 * Restores the tree under a root into `target`, which is made if it is missing. On its return everything is on the
 * target's device.
 * @throws DeskPodError TARGET_NOT_EMPTY, TARGET_WRITE_FAILED, SPACE_EXHAUSTED, MANIFEST_DAMAGED; what `reader` throws,
 * with the name of the file; the reason of `signal`. What was written until then stays.
 */
export async function restoreTree(
  root: Root,
  reader: ContentReader,
  target: Uint8Array | string,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  openTarget(target, options.overwrite ?? false);
  const place = new RestoreTarget(target, options.overwrite ?? false, options.existing !== undefined);
  const sync = new EarlySync(target);
  const walk = new RestoreWalk(place, reader, sync, options);
  const decoder = new ManifestDecoder();
  try {
    for await (const piece of reader.readRoot(root)) {
      for (const entry of decoder.push(piece)) {
        if (options.picker === undefined) await walk.add(entry);
        else for (const picked of options.picker.pick(entry)) await walk.add(picked.entry, picked.isPassage);
      }
    }
    decoder.end();
    await walk.finish();
  } catch (error) {
    await walk.stop();
    await sync.stop();
    throw error;
  }
  await sync.finish();
  return walk.result();
}

function openTarget(target: Uint8Array | string, mayReplace: boolean): void {
  const place = pathBytes(target);
  let names: readonly Buffer[];
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    names = readdirSync(place, { encoding: 'buffer' });
  } catch (error) {
    throw writeFailure(place, error);
  }
  if (names.length === 0 || mayReplace) return;
  throw new DeskPodError(
    'TARGET_NOT_EMPTY',
    `expected an empty folder at ${displayPath(place)}, got ${names.length} names in it`,
    {
      hint: 'choose a folder that is empty or not there yet',
      details: { path: displayPath(place) },
    },
  );
}
