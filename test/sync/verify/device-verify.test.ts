// Verifying a device: what is whole is said to be, and every harm to an object is found and healed from home.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../../src/core/errors.ts';
import type { PackEntry } from '../../../src/core/pack.ts';
import type { Home } from '../../../src/sync/home/home.ts';
import { openRsyncHome } from '../../../src/sync/home/rsync-home.ts';
import { readEntries } from '../../../src/sync/repository/chunk-index-refresh.ts';
import {
  assertSound,
  bringHome,
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
