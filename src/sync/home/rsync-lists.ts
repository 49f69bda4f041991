// What a home that rsync reaches has: its pods, and their objects.
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { isLeftoverOf } from './partial-objects.ts';
import { LIST_OPTIONS, type Listed, readListing } from './rsync-listing.ts';
import type { RsyncPlace } from './rsync-place.ts';

/** What lies in a repository besides its objects. */
export const NO_OBJECTS = ['--exclude=/head', '--exclude=/tmp', '--exclude=.*'] as const;

/** As Home.listPods. */
export async function listPods(place: RsyncPlace): Promise<string[]> {
  await place.requireHome();
  const { layout, rsync } = place;
  const listing = await rsync.run({ args: [...LIST_OPTIONS, rsync.place(layout.podsFolder)] });
  return layout.podsAmong(readListing(listing)).sort();
}

/** As Home.list, of all that the pod has. */
export async function listAll(place: RsyncPlace, podId: string): Promise<ReadonlyMap<string, number>> {
  if (!(await listPods(place)).includes(podId)) return new Map();
  const listing = await place.rsync.run({
    args: [...LIST_OPTIONS, '--recursive', ...NO_OBJECTS, place.podPlace(podId)],
  });
  return sizesOf(readListing(listing));
}

/** As Home.list, of these objects. */
export async function listSome(
  place: RsyncPlace,
  podId: string,
  objects: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { layout, rsync } = place;
  const folder = `${layout.podFolder(podId)}/`;
  const asked = rsync.reading('', [layout.marker, ...objects.map((object) => folder + object)]);
  const listing = await rsync.run({
    // with a list of files rsync asks for a target, which it does not make
    args: [...LIST_OPTIONS, '--ignore-missing-args', asked.place, '/nonexistent/'],
    files: asked.files,
  });
  const files = readListing(listing).filter(({ kind }) => kind === '-');
  // what the marker says is looked at whenever a head is read
  if (!files.some(({ name }) => name === layout.marker)) throw place.noHome(undefined);
  const below = files.filter(({ name }) => name.startsWith(folder));
  return sizesOf(below.map((file) => ({ ...file, name: file.name.slice(folder.length) })));
}

function sizesOf(entries: readonly Listed[]): ReadonlyMap<string, number> {
  return new Map(entries.filter(({ kind }) => kind === '-').map(({ name, sizeBytes }) => [name, sizeBytes]));
}

/**
 * A folder that is in other use does not become a home; one whose making was interrupted does.
 *
 * @throws DeskPodError TARGET_NOT_EMPTY
 */
export async function requireFreePlace({ rsync, layout, url }: RsyncPlace): Promise<void> {
  let listing = '';
  try {
    listing = await rsync.run({ args: [...LIST_OPTIONS, rsync.place('')] });
  } catch (error) {
    if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error; // nothing is there: it is made
  }
  const { marker, podsFolder, bystanders } = layout;
  const free = new Set(['.', marker, podsFolder.slice(0, -1), ...bystanders]);
  const other = readListing(listing)
    .map(({ name }) => name)
    .find((name) => !free.has(name) && !isLeftoverOf(marker, name));
  if (other === undefined) return;
  throw new DeskPodError(
    'TARGET_NOT_EMPTY',
    `${url}: expected a home, an empty folder or none, got a folder with ${other}`,
    { hint: 'Give the home a folder of its own.', details: { url, found: other } },
  );
}
