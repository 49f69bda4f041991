// A pod at home, looked into and restored from where it lies.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import type { BrowsedPod, BrowseOptions } from '../../src/sync/browse/browsed-pod.ts';
import { diffCheckpoints } from '../../src/sync/browse/diff-checkpoints.ts';
import { explainFile } from '../../src/sync/browse/explain-file.ts';
import { withHomePod } from '../../src/sync/browse/home-pod.ts';
import {
  type RestoredPaths,
  type RestorePathsRequest,
  restorePaths,
} from '../../src/sync/browse/restore-paths.ts';
import { addHome } from '../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../src/sync/pod/replicate.ts';
import { createTree, openTree } from '../../src/sync/pod/tree.ts';
import { makeTempFolder } from './support/temp-folder.ts';
import { listTree } from './support/tree-listing.ts';

const PASSPHRASE = 'correct horse battery';
const QUIET: BrowseOptions = { onProgress: () => undefined, signal: new AbortController().signal };
const SHELL = `#!/bin/sh
while :; do case $1 in -o|-p|-l) shift 2 ;; -*) shift ;; *) break ;; esac; done
shift
exec sh -c "$*"
`;
const BULK_BYTES = 1_000_000;

describe('a pod at home', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let dir: string;
  let home: string;
  let round = 0;
  const former = process.env.DESKPOD_SSH;

  before(async () => {
    temp = makeTempFolder();
    dir = join(temp.path, 'pod');
    home = join(temp.path, 'home');
    mkdirSync(join(dir, 'docs'), { recursive: true });
    // rsync to another host, without the seconds that ssh takes to connect: the contract of a home goes through sshd
    const shell = join(temp.path, 'shell');
    writeFileSync(shell, SHELL, { mode: 0o700 });
    process.env.DESKPOD_SSH = shell;
    await createTree({ dir, name: 'papers', passphrase: PASSPHRASE, workFactor: 2 });
    const tree = await openTree(dir, { passphrase: PASSPHRASE });
    try {
      await addHome(tree.pod, home);
      for (const number of [1, 2, 3, 4]) {
        writeFileSync(join(dir, `bulk-${number}`), randomBytes(BULK_BYTES));
        const note = join(dir, 'docs', `note-${number}`);
        writeFileSync(note, `note ${number}\n`);
        // written right after the checkpoint before, by the clock that stamps files, which lags behind
        const sealedMs = tree.pod.state.checkpoints.at(-1)?.atMs;
        if (sealedMs !== undefined) utimesSync(note, (sealedMs - 5) / 1000, (sealedMs - 5) / 1000);
        await tree.checkpoint(() => undefined);
      }
      for (const outcome of await syncHomes(tree.pod, undefined, () => undefined))
        if ('error' in outcome) throw outcome.error;
    } finally {
      await tree.close();
    }
  });
  after(async () => {
    if (former === undefined) delete process.env.DESKPOD_SSH;
    else process.env.DESKPOD_SSH = former;
    temp.remove();
  });

  const overSsh = (path = home): string => `ssh://somebody@elsewhere:22${path}`;
  const visit = <T>(url: string, work: (pod: BrowsedPod) => Promise<T>): Promise<T> =>
    withHomePod({ url, credential: { passphrase: PASSPHRASE }, onProgress: () => undefined }, work);
  const restore = (
    url: string,
    request: Partial<RestorePathsRequest> = {},
  ): Promise<RestoredPaths & { into: string }> =>
    visit(url, async (pod) => {
      const into = join(temp.path, `out-${++round}`);
      const whole = {
        ...{ checkpoint: 'latest' as const, includes: [], excludes: [], into },
        ...{ mayOverwrite: false, isDryRun: false, isVerified: true },
      };
      return { into, ...(await restorePaths(pod, { ...whole, ...request }, () => undefined, QUIET)) };
    });
  /** Everything there with its times, so that a change of any kind would show. */
  const stateOfHome = (): string[] => listTree(home);

  for (const [kind, url] of [
    ['in a folder', () => home],
    ['over ssh', () => overSsh()],
  ] as const) {
    it(`gives the files of a checkpoint, and stays as it is, ${kind}`, async () => {
      const before = stateOfHome();
      const { into, verifiedFiles } = await restore(url());
      assert.deepEqual(withoutPod(into), withoutPod(dir));
      assert.equal(verifiedFiles, 8);
      assert.deepEqual(stateOfHome(), before);
    });
  }

  it('is read in place where it lies in a folder of this host', async () => {
    const { fetched } = await restore(home, { includes: ['note-1'] });
    assert.deepEqual(fetched, { packs: 0, bytes: 0 });
  });

  it('is asked for the packs that are needed, and for hardly any other, over ssh', async () => {
    const { into, fetched } = await restore(overSsh(), { includes: ['/docs/note-4'] });
    assert.equal(readFileSync(join(into, 'docs', 'note-4'), 'utf8'), 'note 4\n');
    const packBytes = sizesBelow(join(home, 'pods')).reduce((sum, size) => sum + size, 0);
    assert.ok(packBytes > 4 * BULK_BYTES);
    assert.ok(
      fetched !== undefined && fetched.packs > 0 && fetched.bytes < 2 * BULK_BYTES,
      JSON.stringify(fetched),
    );
    // an older file lies in the packs of its own checkpoint, not in all those between
    const older = await restore(overSsh(), { includes: ['/docs/note-2'] });
    assert.equal(readFileSync(join(older.into, 'docs', 'note-2'), 'utf8'), 'note 2\n');
    assert.ok((older.fetched?.bytes ?? 0) < 3 * BULK_BYTES, JSON.stringify(older.fetched));
  });

  it('fetches nothing but the manifest for files that are there already', async () => {
    const { into } = await restore(home);
    const again = await restore(overSsh(), { into, mayOverwrite: true, isVerified: false });
    assert.deepEqual([again.writtenBytes, again.verdicts.left], [0, again.entries]);
    assert.ok((again.fetched?.bytes ?? 0) < 2 * BULK_BYTES, JSON.stringify(again.fetched));
  });

  it('can be compared and explained without a device', async () => {
    await visit(overSsh(), async (pod) => {
      const changes: string[] = [];
      const request = { before: 3, after: 4, at: { path: 'docs' } };
      await diffCheckpoints(pod, request, ({ kind, path }) => void changes.push(`${kind} ${path}`), QUIET);
      assert.deepEqual(changes, ['changed docs', 'added docs/note-4']);
      const { versions, place } = await explainFile(pod, { at: { path: 'docs/note-2' } }, QUIET);
      assert.deepEqual([versions[0]?.origin.number, versions[0]?.holders.length, place], [2, 3, overSsh()]);
    });
  });

  it('says which pack is missing or damaged', async () => {
    const broken = join(temp.path, 'broken');
    cpSync(home, broken, { recursive: true });
    const packs = packsBelow(broken).filter((path) => statSync(path).size > BULK_BYTES);
    assert.equal(packs.length, 4);
    for (const path of packs) truncateSync(path, 1000);
    for (const url of [broken, overSsh(broken)]) {
      await assert.rejects(
        restore(url, { isVerified: false }),
        (error) => isDeskPodError(error, 'HOME_DAMAGED'),
        url,
      );
    }
    for (const path of packs) rmSync(path);
    for (const url of [broken, overSsh(broken)]) {
      await assert.rejects(
        restore(url, { isVerified: false }),
        (error) => isDeskPodError(error, 'HOME_DAMAGED') && /packs\//.test(error.message),
        url,
      );
    }
    const { into } = await restore(broken, { includes: ['/docs'], excludes: ['note-*'] });
    assert.ok(existsSync(join(into, 'docs')));
  });

  it('is refused with another passphrase, and leaves no scratch folder behind', async () => {
    const wrong = { url: home, credential: { passphrase: 'wrong' }, onProgress: () => undefined };
    await assert.rejects(
      withHomePod(wrong, async () => assert.fail('it was opened')),
      (error) => isDeskPodError(error, 'PASSPHRASE_WRONG'),
    );
    const mine = readdirSync(scratchPlace()).filter((name) => name.startsWith(`${process.pid}-`));
    assert.deepEqual(mine, []);
  });
});

function scratchPlace(): string {
  return join(process.env.TMPDIR ?? '/tmp', `deskpod-${process.getuid?.() ?? 0}`);
}

function packsBelow(dir: string): string[] {
  return execFileSync('find', [dir, '-path', '*/packs/*', '-type', 'f'], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

function sizesBelow(dir: string): number[] {
  return packsBelow(dir).map((path) => statSync(path).size);
}

function withoutPod(dir: string): string[] {
  return listTree(dir).filter((line) => !line.includes('.deskpod') && !line.startsWith('"" '));
}
