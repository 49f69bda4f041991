// What of a pod has to come from home for a restore, and whether home has it: asked before anything is written elsewhere.
import { DeskPodError } from '../../core/errors.ts';
import { packsInForce } from '../../core/packs-in-force.ts';
import type { PodState } from '../../core/state.ts';
import { foldRecords } from './pod.ts';
import type { SurveyedPod } from './survey.ts';

/** A surveyed pod, and what is to be fetched for it. */
export interface FetchablePod extends SurveyedPod {
  /** Paths of packs and bases below the pod's folder, all of which home has. */
  readonly objects: readonly string[];
  /** How long each of them is, in bytes. */
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * Asks home for the objects that the pod consists of, and how long they are.
 *
 * @param allowsMissing what is missing is left out: the restore may then fail, or succeed without older checkpoints
 * @throws DeskPodError HOME_DAMAGED, naming those that home lacks
 */
export async function requireObjects(surveyed: SurveyedPod, allowsMissing: boolean): Promise<FetchablePod> {
  const { home, podId, records, checkpoint } = surveyed;
  const { url } = home;
  const atHome = await home.list(podId);
  const needed = neededPlaces(foldRecords(records));
  const missing = needed.filter((path) => !atHome.has(path));
  if (missing.length > 0 && !allowsMissing) {
    throw new DeskPodError(
      'HOME_DAMAGED',
      `${url}: expected ${missing[0]}, got none (${missing.length} of ${needed.length} objects are missing)`,
      {
        hint:
          'Bring what is missing back from another copy of this home, or try what is there with --allow-missing. ' +
          'Another head may be whole: see `deskpod restore --list`.',
        details: { url, damaged: missing },
      },
    );
  }
  const objects = needed.filter((path) => atHome.has(path));
  const isFetched = new Set(objects);
  let neededBytes = checkpoint.stats.fileBytes;
  for (const [path, sizeBytes] of atHome) {
    if (isFetched.has(path) || path.startsWith('segments/')) neededBytes += sizeBytes;
  }
  const sizes = new Map(objects.map((path) => [path, atHome.get(path) ?? 0]));
  return { ...surveyed, objects, sizes, neededBytes };
}

function neededPlaces({ packs, checkpoints, base }: PodState): string[] {
  const bases = new Set([...checkpoints.map((checkpoint) => checkpoint.base), base?.sha256]);
  return [
    ...[...packsInForce(packs).keys()].map((name) => `packs/${name.slice(0, 2)}/${name}.age`),
    ...[...bases].flatMap((name) => (name === undefined ? [] : [`bases/${name}.erofs`])),
  ];
}
