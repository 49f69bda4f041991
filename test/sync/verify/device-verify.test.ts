// Verifying a device: what is whole is said to be, and every harm to an object is found and healed from home.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
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

  for (const [what, harm] of Object.entries(HARMS)) {
    it(`finds a pack and a segment ${what}, and heals them from home`, async () => {
      await bringHome(lab);
      const harmed = [largest(lab, 'packs'), lab.objects('segments')[0] ?? ''];
      for (const object of harmed) harm(join(lab.repository, object));
      await lab.reopen();
      const { damage, lost, failures } = await lab.verify();
      assert.deepEqual(
        damage.map(({ fault, healedFrom }) => [fault, healedFrom]),
        [
          ['damaged', lab.home],
          ['damaged', lab.home],
        ],
      );
      assert.deepEqual([lost, failures], [[], []]);
      assertSound(lab);
      assert.deepEqual(readdirSync(join(lab.repository, 'tmp')), []);
      const healed = (await lab.tree.pod.events(1)).filter(({ event }) => event.type === 'object.healed');
      assert.equal(healed.length, 2);
      assert.deepEqual((await lab.verify()).damage, []);
    });
  }

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

  it('remembers nothing of former runs when its projections are deleted, and reads all anew', async () => {
    await lab.verify();
    rmSync(join(lab.dir, '.deskpod', 'level', 'verified'), { recursive: true });
    const { isWhole, readCount } = await lab.verify();
    assert.ok(isWhole && readCount > 0);
    assert.ok(existsSync(join(lab.dir, '.deskpod', 'level', 'verified')));
  });
});
