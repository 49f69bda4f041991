// Verifying a device: what is whole is said to be, and every harm to an object is found and healed from home.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../../src/core/errors.ts';
import type { PackEntry } from '../../../src/core/pack.ts';
import { packsInForce } from '../../../src/core/packs-in-force.ts';
import type { Progress } from '../../../src/core/progress.ts';
import { fetchSome } from '../../../src/session/supervisor/history-fetch.ts';
import type { Home } from '../../../src/sync/home/home.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { addHome } from '../../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../../src/sync/pod/replicate.ts';
import { readEntries } from '../../../src/sync/repository/chunk-index-refresh.ts';
import { keepReserve, measureSpace, reserveSentences } from '../../../src/sync/retention/keep-reserve.ts';
import {
  assertSound,
  bringHome,
  goOnUsableFirst,
  HARMS,
  largest,
  openVerifyLab,
  type VerifyLab,
} from '../support/verify-lab.ts';

describe('verifying a device', () => {
  let lab: VerifyLab;
  beforeEach(async () => {
    lab = await openVerifyLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('finds a whole pod whole, by its structure and by every byte of it', async () => {
    const structure = await lab.verify({ depth: 'structure' });
    assert.deepEqual([structure.damage, structure.faults, structure.lost], [[], [], []]);
    assert.deepEqual([structure.isWhole, structure.correctedPacks], [true, []]);
    const data = await lab.verify();
    assert.deepEqual([data.damage, data.faults, data.lost, data.isWhole], [[], [], [], true]);
    const packBytes = lab.objects('packs').map((path) => readFileSync(join(lab.repository, path)).length);
    assert.ok(data.readBytes >= packBytes.reduce((sum, bytes) => sum + bytes, 0));
    assert.deepEqual(
      lab.tree.pod.state.verifications.map(({ place, depth, leftCount }) => [place, depth, leftCount]),
      [
        ['device', 'structure', 0],
        ['device', 'data', 0],
      ],
    );
  });

  it('finds whatever was done to objects, and heals them from home', async () => {
    await bringHome(lab);
    const objects = [...lab.objects('packs'), ...lab.objects('segments')];
    const harmed = Object.values(HARMS).slice(0, objects.length);
    for (const [i, harm] of harmed.entries()) harm(join(lab.repository, objects[i] ?? ''));
    await lab.reopen();
    const { damage, lost, failures } = await lab.verify();
    assert.deepEqual(
      damage.map(({ fault, healedFrom }) => [fault, healedFrom]),
      harmed.map(() => ['damaged', lab.home]),
    );
    assert.deepEqual([lost, failures], [[], []]);
    assertSound(lab);
    assert.deepEqual(readdirSync(join(lab.repository, 'tmp')), []);
    const healed = (await lab.tree.pod.events(1)).filter(({ event }) => event.type === 'object.healed');
    assert.equal(healed.length, harmed.length);
    assert.deepEqual((await lab.verify()).damage, []);
  });

  it('finds every object that is missing by its structure alone, and fetches it', async () => {
    await bringHome(lab);
    const packs = lab.objects('packs');
    for (const pack of packs) rmSync(join(lab.repository, pack));
    rmSync(join(lab.repository, lab.objects('segments')[0] ?? ''));
    await lab.reopen();
    const { damage, lost } = await lab.verify({ depth: 'structure' });
    assert.equal(damage.filter(({ fault }) => fault === 'missing').length, packs.length + 1);
    assert.ok(
      damage.every(({ healedFrom }) => healedFrom !== undefined),
      JSON.stringify(damage),
    );
    assert.deepEqual(lost, []);
    assert.deepEqual(lab.objects('packs'), packs);
    assert.deepEqual((await lab.verify()).damage, []);
  });

  it('finds two packs whose names were exchanged, by its structure alone', async () => {
    await bringHome(lab);
    const [a = '', b = ''] = lab.objects('packs').map((path) => join(lab.repository, path));
    renameSync(a, `${a}.other`);
    renameSync(b, a);
    renameSync(`${a}.other`, b);
    const { damage } = await lab.verify({ depth: 'structure' });
    assert.deepEqual(
      damage.map(({ kind, healedFrom }) => [kind, healedFrom]),
      [
        ['packs', lab.home],
        ['packs', lab.home],
      ],
    );
    assertSound(lab);
  });

  it('names the files of each checkpoint that nothing can bring back', async () => {
    const first = lab.tree.pod.state.checkpoints[0]?.packs ?? [];
    for (const name of first) {
      const path = join(lab.repository, 'packs', name.slice(0, 2), `${name}.age`);
      if (readFileSync(path).length > 200_000) HARMS['with a byte flipped in its middle']?.(path);
    }
    const { damage, lost } = await lab.verify();
    assert.deepEqual(
      damage.map(({ healedFrom }) => healedFrom),
      [undefined],
    );
    assert.deepEqual(
      lost.map(({ checkpoint, tree, files }) => [checkpoint, tree, files.map(({ path }) => path)]),
      [
        [1, 'files', ['folder/first']],
        [2, 'files', ['folder/first']],
      ],
    );
  });

  it('gives up what nothing can bring back, and the next checkpoint makes older ones whole again', async () => {
    HARMS['with a byte flipped in its middle']?.(join(lab.repository, largest(lab, 'packs')));
    const before = await lab.verify({ isGivingUp: true });
    assert.ok(before.damage.length > 0 && before.damage.every(({ isGivenUp }) => isGivenUp === true));
    assert.ok(before.lost.length > 0);
    assertSound(lab);
    await lab.reopen();
    assert.deepEqual((await lab.verify()).damage, []);
    await lab.checkpoint();
    const { damage, lost } = await lab.verify();
    assert.deepEqual(damage, []);
    // lists of what older checkpoints held are in no file any more
    assert.ok(lost.every(({ files }) => files.length === 0));
    await bringHome(lab);
    assertSound(lab, lab.atHome());
  });

  it('gives nothing up while a home cannot be asked', async () => {
    await bringHome(lab);
    renameSync(lab.home, `${lab.home}-unplugged`);
    HARMS['cut short']?.(join(lab.repository, largest(lab, 'packs')));
    const { damage, failures } = await lab.verify({ isGivingUp: true });
    assert.deepEqual([damage[0]?.isGivenUp, failures.length], [undefined, 1]);
    renameSync(`${lab.home}-unplugged`, lab.home);
    assert.deepEqual((await lab.verify({ isGivingUp: true })).damage[0]?.healedFrom, lab.home);
  });

  it('seals segments again from the log when no home has them', async () => {
    for (const [i, segment] of lab.objects('segments').entries()) {
      if (i === 0) rmSync(join(lab.repository, segment));
      else HARMS['cut short']?.(join(lab.repository, segment));
    }
    const { damage, lost } = await lab.verify({ depth: 'structure' });
    assert.ok(damage.length > 0 && damage.every(({ healedFrom }) => healedFrom === 'log'));
    assert.deepEqual(lost, []);
    await bringHome(lab);
    assert.deepEqual((await lab.verify()).damage, []);
    assertSound(lab, lab.atHome());
  });

  it('corrects a chunk index that promises what no pack holds, before a checkpoint relies on it', async () => {
    const { chunks } = lab.tree.pod.projections;
    const [name = ''] = chunks.packs();
    const entries = await readEntries(lab.tree.pod.repository, name, lab.tree.pod.secrets.identity);
    const elsewhere = entries.map((entry) => ({ ...entry, offset: entry.offset + 1 }));
    const made = { ...elsewhere[0], id: new Uint8Array(32).fill(7) } as PackEntry;
    await chunks.addPack(name, [...elsewhere, made]);
    const { damage, correctedPacks } = await lab.verify({ depth: 'structure' });
    assert.deepEqual([damage, correctedPacks], [[], [name]]);
    assert.equal(chunks.has(made.id), false);
    assert.deepEqual((await lab.verify({ depth: 'structure' })).correctedPacks, []);
  });

  it('leaves everything as it is while no home can help, and heals once one can', async () => {
    await bringHome(lab);
    const pack = largest(lab, 'packs');
    const path = join(lab.repository, pack);
    HARMS['with a byte flipped in its middle']?.(path);
    const harmed = readFileSync(path);
    renameSync(lab.home, `${lab.home}-unplugged`);
    const unplugged = await lab.verify();
    assert.deepEqual(
      unplugged.failures.map(({ place }) => place),
      [lab.home],
    );
    renameSync(`${lab.home}-unplugged`, lab.home);
    HARMS['with its first byte flipped']?.(join(lab.atHome(), pack));
    const both = await lab.verify();
    for (const { damage, lost } of [unplugged, both]) {
      assert.deepEqual(
        damage.map(({ healedFrom }) => healedFrom),
        [undefined],
      );
      assert.equal(lost.length, 2);
    }
    assert.deepEqual(readFileSync(path), harmed);
    HARMS['with its first byte flipped']?.(join(lab.atHome(), pack));
    assert.deepEqual(
      (await lab.verify()).damage.map(({ healedFrom }) => healedFrom),
      [lab.home],
    );
  });

  it('changes nothing when the device has no room for a copy', async () => {
    await bringHome(lab);
    const path = join(lab.repository, largest(lab, 'packs'));
    HARMS['cut short']?.(path);
    const full = (url: string): Home => ({
      ...openRsyncHome(url),
      url,
      pull: async () => {
        throw new DeskPodError('SPACE_EXHAUSTED', `${url}: no space left`);
      },
    });
    const { damage, failures } = await lab.verify({ openHome: full });
    assert.deepEqual(
      damage.map(({ healedFrom }) => healedFrom),
      [undefined],
    );
    assert.ok(isDeskPodError(failures[0]?.error, 'SPACE_EXHAUSTED'));
    assert.equal(readFileSync(path).length, 100);
    assert.deepEqual(readdirSync(join(lab.repository, 'tmp')), []);
  });

  it('reads what was verified longest ago when it reads a part, and so everything in turn', async () => {
    const packs = lab.objects('packs');
    const first = await lab.verify({ share: 0.01 });
    assert.ok(!first.isWhole && first.readBytes < 500_000, String(first.readBytes));
    HARMS['with a byte flipped in its middle']?.(join(lab.repository, largest(lab, 'packs')));
    const found: number[] = [];
    for (const _ of packs) found.push((await lab.verify({ share: 0.01 })).damage.length);
    assert.ok(found.includes(1), found.join());
    assert.ok((await lab.verify({ forMs: 0 })).readBytes < 500_000);
  });

  it('stops reading when told to, and says that it did not read all', async () => {
    const { isWhole, damage } = await lab.verify({ signal: AbortSignal.abort() });
    assert.deepEqual([isWhole, damage], [false, []]);
  });

  it('remembers nothing of former runs when its projections are deleted, and reads all anew', async () => {
    await lab.verify();
    rmSync(join(lab.dir, '.deskpod', 'level', 'verified'), { recursive: true });
    const { isWhole, readCount } = await lab.verify();
    assert.ok(isWhole && readCount > 0);
    assert.ok(existsSync(join(lab.dir, '.deskpod', 'level', 'verified')));
  });
});

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
