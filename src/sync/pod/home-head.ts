// The head that a sync moves at a home when everything else is there: home's own, or that of a branch.
import { equalBytes } from '../../core/bytes.ts';
import { DeskPodError } from '../../core/errors.ts';
import { decodeHead, type Head, peekHead } from '../../core/head.ts';
import type { Home } from '../home/home.ts';
import { isTwinUrl, parseHomeUrl } from '../home/home-url.ts';
import { BRANCHES_FOLDER } from './branches.ts';
import type { Pod } from './pod.ts';
import { REPOSITORY_FOLDER, TREE_POD_DIR } from './pod-folder.ts';
import { isOfThisLog } from './standing.ts';

/** Home's head, proven, and its bytes. */
export interface HomeHead {
  readonly head: Head;
  readonly bytes: Uint8Array;
}

/** @throws DeskPodError HOME_DAMAGED if it is none that this pod wrote; HOME_NOT_FOUND, HOME_UNREACHABLE */
export async function readHomeHead(home: Home, pod: Pod): Promise<HomeHead | undefined> {
  const bytes = await home.head(pod.state.podId);
  if (bytes === undefined) return undefined;
  try {
    return { head: decodeHead(bytes, pod.sealing), bytes };
  } catch (cause) {
    const { message } = cause as Error;
    throw new DeskPodError(
      'HOME_DAMAGED',
      `${home.url}: the head there is none that this pod wrote: ${message}`,
      {
        hint: gettingAnother(home.url, pod),
        details: { url: home.url },
        cause,
      },
    );
  }
}

/** How a home gets another head in the place of a damaged one. A device of a later epoch may have written that. */
function gettingAnother(url: string, { state: { podId, kind } }: Pod): string {
  const { path } = parseHomeUrl(url);
  const isDevice = isTwinUrl(url) && kind === 'desktop';
  const head = isTwinUrl(url)
    ? `${path}/${TREE_POD_DIR}/${REPOSITORY_FOLDER}/head`
    : `pods/${podId}/head there`;
  const step = isDevice
    ? `make it anew with \`deskpod home add ${path} --force\` and sync again: everything is sent once more`
    : `remove ${head} and sync again: only the head is written anew, and what else is lacking`;
  return `If no other device of this pod goes on there, ${step}.`;
}

/**
 * Moves home's own head, unless it is another one by now than `former`: sending may have taken hours, and a restore may
 * have taken home over. What moves it between this look and the replacement is not noticed.
 *
 * @throws DeskPodError HOME_FENCED, HOME_FOREIGN, HOME_DAMAGED; home's head is not touched then
 */
export async function moveHead(
  pod: Pod,
  home: Home,
  headBytes: Uint8Array,
  former: HomeHead | undefined,
): Promise<void> {
  const now = await readHomeHead(home, pod);
  const isUnmoved = now !== undefined && former !== undefined && equalBytes(now.bytes, former.bytes);
  if (!isUnmoved) await requireMovedAhead(pod, home, now?.head, former?.head);
  await home.writeHead(pod.state.podId, headBytes);
}

async function requireMovedAhead(
  pod: Pod,
  { url }: Home,
  now: Head | undefined,
  former: Head | undefined,
): Promise<void> {
  if (now !== undefined && !(await isOfThisLog(pod, now))) throw takenMeanwhile(pod, url, now);
  const [seq, formerSeq] = [now?.seq ?? 0, former?.seq ?? 0];
  if (seq >= formerSeq) return;
  // What was sent goes with the former head only.
  throw new DeskPodError(
    'HOME_DAMAGED',
    `${url}: its head went back from ${formerSeq} to ${seq} while this pod was sent there`,
    {
      hint: 'Run `deskpod sync` again: it sends whatever home lacks.',
      details: { seq, formerSeq },
    },
  );
}

function takenMeanwhile({ state }: Pod, url: string, now: Head): DeskPodError {
  const hint =
    'Home stays with it. Run `deskpod sync` again: what this device has is kept there as a branch.';
  if (now.epoch > state.epoch) {
    return new DeskPodError(
      'HOME_FENCED',
      `${url} belongs to a newer device of this pod since a moment ago (epoch ${now.epoch}, this device is of epoch ${state.epoch})`,
      { hint, details: { homeEpoch: now.epoch, epoch: state.epoch } },
    );
  }
  return new DeskPodError(
    'HOME_FOREIGN',
    `${url} holds another history of this pod since a moment ago: its log stands at ${now.seq}, this one at ${state.seq}`,
    { hint, details: { homeSeq: now.seq, seq: state.seq } },
  );
}

/** Adds a head to a branch at home; the device keeps the latest that it sent. Nothing that is there changes. */
export async function addBranchHead(pod: Pod, home: Home, headBytes: Uint8Array): Promise<void> {
  const { repository, state } = pod;
  const { name } = await repository.putObject('branches', headBytes, { firstSeq: peekHead(headBytes).seq });
  await home.push(repository.dir, state.podId, [`${BRANCHES_FOLDER}${name}`], { isUnasked: true });
  for (const former of await repository.listObjects('branches')) {
    if (former !== name) await repository.removeObject('branches', former);
  }
}
