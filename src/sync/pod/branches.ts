// The branches of a pod at a home: histories of the pod that home keeps beside the one that it goes on with.
import { toHex } from '../../core/bytes.ts';
import { DeskPodError, isDeskPodError } from '../../core/errors.ts';
import { type Head, peekHead } from '../../core/head.ts';
import type { Home } from '../home/home.ts';
import { Repository } from '../repository/repository.ts';
import { withScratchFolder } from '../scratch-folder.ts';

/** The place of branches in a repository. */
export const BRANCHES_FOLDER = 'branches/';

/** A head of a branch. What it says is not proven. */
export interface BranchHead {
  /** The device that made the branch, in hexadecimal: it names it. */
  readonly deviceId: string;
  /** The name of its object. */
  readonly name: string;
  readonly head: Head;
  readonly headBytes: Uint8Array;
}

/** A branch at a home, as anybody can see it. */
export interface BranchReport {
  readonly url: string;
  readonly podId: string;
  /** The device that made the branch; how it begins is enough to name it. */
  readonly deviceId: string;
  /** Position of its log. */
  readonly seq: number;
  readonly epoch: number;
}

/**
 * All heads of branches that home has received of a pod and not forgotten, oldest position first.
 *
 * @throws DeskPodError HOME_NOT_FOUND, HOME_UNREACHABLE
 */
export async function fetchBranchHeads(home: Home, podId: string): Promise<BranchHead[]> {
  return withScratchFolder(async (dir) => {
    const repository = await Repository.create(dir);
    await pullBranches(home, podId, dir);
    return readBranchHeads(repository, podId);
  });
}

/** Fetches the heads of branches into a repository; most pods have none. @throws DeskPodError HOME_* */
export async function pullBranches(home: Home, podId: string, repositoryDir: string): Promise<void> {
  try {
    await home.pull(podId, repositoryDir, { objects: [BRANCHES_FOLDER] });
  } catch (error) {
    if (!isDeskPodError(error, 'HOME_NOT_FOUND')) throw error;
    await home.listPods(); // throws if it is the home that is not there, and not just this folder
  }
}

/** The heads of branches in a repository; what is damaged, or of another pod, is none. */
export async function readBranchHeads(repository: Repository, podId: string): Promise<BranchHead[]> {
  const heads: BranchHead[] = [];
  for (const name of await repository.listObjects('branches')) {
    try {
      const headBytes = await repository.readObject('branches', name);
      const head = peekHead(headBytes);
      if (toHex(head.podId) !== podId || head.seq !== Number(name.slice(0, 12))) continue;
      heads.push({ deviceId: toHex(head.deviceId), name, head, headBytes });
    } catch (error) {
      if (!isDeskPodError(error)) throw error;
    }
  }
  return heads;
}

/** The newest head of each branch. */
export function newestHeads(heads: readonly BranchHead[]): BranchHead[] {
  const newest = new Map<string, BranchHead>();
  for (const branch of heads) {
    if ((newest.get(branch.deviceId)?.head.seq ?? 0) <= branch.head.seq) newest.set(branch.deviceId, branch);
  }
  return [...newest.values()];
}

/** The branches of a pod at a home, by what their heads say. @throws DeskPodError HOME_* */
export async function listBranches(home: Home, podId: string): Promise<BranchReport[]> {
  const heads = newestHeads(await fetchBranchHeads(home, podId));
  return heads.map(({ deviceId, head: { seq, epoch } }) => ({ url: home.url, podId, deviceId, seq, epoch }));
}

/**
 * The name of a branch that begins with `wanted`, of all that there are at `place`.
 *
 * @throws DeskPodError BRANCH_NOT_FOUND; USAGE if several could be meant, or nothing is given: a script whose variable is
 * empty means none
 */
export function chooseBranchName(place: string, names: readonly string[], wanted: string): string {
  if (wanted === '') {
    throw new DeskPodError('USAGE', 'expected how the name of a branch begins, got nothing', {
      hint: 'See the names with `deskpod branches`.',
    });
  }
  const matching = names.filter((name) => name.startsWith(wanted.toLowerCase()));
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  if (matching.length > 1) {
    throw new DeskPodError('USAGE', `${place} has ${matching.length} branches that could be meant`, {
      hint: `Name one of ${matching.join(', ')}.`,
      details: { branches: matching },
    });
  }
  throw new DeskPodError('BRANCH_NOT_FOUND', `${place} has no branch ${wanted} of this pod`, {
    hint:
      names.length === 0 ? 'It has none at all.' : `It has ${names.join(', ')}; see \`deskpod branches\`.`,
    details: { wanted, branches: names },
  });
}
