// A device that was restored to be usable first is verified and synced while older history is still to come from home.
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type DeskPodError, isDeskPodError } from '../../../src/core/errors.ts';
import { packsInForce } from '../../../src/core/packs-in-force.ts';
import type { Progress } from '../../../src/core/progress.ts';
import { fetchSome } from '../../../src/session/supervisor/history-fetch.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import { keepReserve, measureSpace, reserveSentences } from '../../../src/sync/retention/keep-reserve.ts';
import {
  assertSound,
  bringHome,
  goOnUsableFirst,
  openVerifyLab,
  type VerifyLab,
} from '../support/verify-lab.ts';

describe('a device that was restored to be usable first', () => {
  let lab: VerifyLab;
  beforeEach(async () => {
    lab = await openVerifyLab();
    rmSync(join(lab.dir, 'folder'), { recursive: true });
    await lab.checkpoint();
    await bringHome(lab);
    await goOnUsableFirst(lab);
    assert.ok((lab.tree.pod.state.awaited?.packCount ?? 0) > 1);
  });
  afterEach(async () => {
    await lab.close();
  });

  it('moves the head of no home past what is neither there nor here yet, and sends all of it later', async () => {
    const { pod } = lab.tree;
    const other = join(lab.temp, 'other');
    await addHome(pod, other);
    const sync = async () =>
      (await syncHomes(pod, undefined, () => undefined)).map((outcome) =>
        'error' in outcome ? (outcome.error as DeskPodError).code : outcome.url,
      );
    assert.deepEqual(await sync(), [lab.home, 'HISTORY_AWAITED']);
    assert.equal(await openRsyncHome(other).head(pod.state.podId), undefined);
    await lab.verify({ depth: 'structure' });
    assert.equal(pod.state.awaited, undefined);
    assert.deepEqual(await sync(), [lab.home, other]);
    const inForce = [...packsInForce(pod.state.packs).keys()].sort();
    const there = lab.objects('packs', join(other, 'pods', pod.state.podId));
    assert.deepEqual(
      inForce,
      there.map((path) => basename(path, '.age')),
    );
  });

  it('ends a verify at once when something else waits, fetches no more then, and knows that more is to come', async () => {
    const { pod } = lab.tree;
    const stopAt = async (stopsAt: string) => {
      const stop = new AbortController();
      const steps: string[] = [];
      const onProgress = ({ step }: Progress): void => {
        steps.push(step);
        if (step.startsWith(stopsAt)) stop.abort('suspend');
      };
      const report = await lab.verify({ isGivingUp: true, onProgress, signal: stop.signal });
      return { report, afterwards: steps.slice(steps.findIndex((step) => step.startsWith(stopsAt)) + 1) };
    };
    for (const step of ['checking the log', 'reading', `healing from ${lab.home}`]) {
      const { report, afterwards } = await stopAt(step);
      assert.ok(!report.isWhole && report.damage.length > 0, step);
      assert.ok(report.damage.every(({ healedFrom, isGivenUp }) => (healedFrom ?? isGivenUp) === undefined));
      assert.deepEqual([report.failures, report.lost], [[], []]);
      // each lane has one in its hands
      assert.ok(afterwards.length < 4 && afterwards.every((each) => each === 'reading'), afterwards.join());
      assert.ok(pod.state.awaited !== undefined);
    }
    await lab.verify();
    assert.equal(pod.state.awaited, undefined);
  });

  it('fetches the older history that a home has, although it lacks later packs', async () => {
    const { pod } = lab.tree;
    for (let nth = 1; nth <= 10; nth++) {
      writeFileSync(join(lab.dir, 'letter'), `letter ${nth}`);
      await lab.checkpoint();
    }
    await lab.sync();
    const places = [...packsInForce(pod.state.packs).keys()].map((name) =>
      pod.repository.objectPath('packs', name).slice(lab.repository.length + 1),
    );
    for (const place of places) rmSync(join(lab.repository, place), { force: true });
    for (const place of places.slice(-16)) rmSync(join(lab.atHome(), place));
    const options = {
      ...{ onProgress: () => undefined, signal: new AbortController().signal, passedOver: new Set<string>() },
    };
    assert.equal(await fetchSome(pod, options), 0);
    await assert.rejects(fetchSome(pod, options), (error) => {
      assert.ok(isDeskPodError(error, 'HISTORY_AWAITED'));
      assert.match(
        error.message,
        /^16 packs of older checkpoints did not come: .* none that has them whole$/,
      );
      assert.match(error.hint ?? '', /deskpod verify --home/);
      return true;
    });
    assert.deepEqual(lab.objects('packs'), places.slice(0, -16).sort());
  });

  it('says plainly that home went away half-way, what is missing and what to do, and goes on when it is back', async () => {
    const { pod } = lab.tree;
    for (let nth = 1; nth <= 10; nth++) {
      writeFileSync(join(lab.dir, 'letter'), `letter ${nth}`);
      await lab.checkpoint();
    }
    await lab.sync();
    const packs = [...packsInForce(pod.state.packs).keys()].map((name) =>
      pod.repository.objectPath('packs', name).slice(lab.repository.length + 1),
    );
    for (const place of packs) rmSync(join(lab.repository, place), { force: true });
    const options = {
      ...{ onProgress: () => undefined, signal: new AbortController().signal, passedOver: new Set<string>() },
    };
    assert.equal(await fetchSome(pod, options), 0);
    const half = lab.objects('packs').length;
    assert.ok(half > 0 && half < packs.length, `${half} of ${packs.length}`);
    renameSync(lab.home, `${lab.home}.away`);
    await assert.rejects(fetchSome(pod, options), (error) => {
      assert.ok(isDeskPodError(error, 'HOME_NOT_FOUND'));
      assert.match(
        error.message,
        new RegExp(`^${packs.length - half} packs of older checkpoints did not come: .*${lab.home}`),
      );
      assert.match(error.hint ?? '', new RegExp(`^Bring ${lab.home} back\\..*deskpod verify`));
      return true;
    });
    assert.equal(lab.objects('packs').length, half);
    renameSync(`${lab.home}.away`, lab.home);
    options.passedOver.clear();
    while (lab.objects('packs').length < packs.length) assert.equal(await fetchSome(pod, options), 0);
    assertSound(lab);
  });

  it('looks again only after a day, when all has come and something else is damaged that no home can heal', async () => {
    const { pod } = lab.tree;
    const options = {
      ...{ onProgress: () => undefined, signal: new AbortController().signal, passedOver: new Set<string>() },
    };
    const [damaged] = lab.objects('packs');
    assert.ok(damaged !== undefined);
    rmSync(join(lab.atHome(), damaged));
    writeFileSync(join(lab.repository, damaged), 'rot');
    assert.equal(await fetchSome(pod, options), 24 * 60 * 60_000);
    assert.ok(pod.state.awaited !== undefined);
    assert.equal(pod.state.verifications.length, 1);
  });

  it('gives up no checkpoint for room before the older history has come', async () => {
    const { pod } = lab.tree;
    const before = pod.state.checkpoints;
    const { freeBytes } = await measureSpace(pod);
    await pod.append({ type: 'setReserve', reserveBytes: freeBytes + 2 ** 30 });
    const outcome = await keepReserve(pod, { onProgress: () => undefined });
    assert.deepEqual([outcome.forgotten, outcome.failure], [[], undefined]);
    assert.match(reserveSentences(outcome).join(), /making room waits for the older history/);
    assert.deepEqual(pod.state.checkpoints, before);
    assert.ok(pod.state.scheduling.shortage !== undefined);
  });
});
