// A small drive that fills up with checkpoints: those that home has go, and nothing that is only there.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { operateOnTree } from '../../src/session/operation/operate.ts';
import type { OperationName, Operations } from '../../src/session/operation/operations.ts';
import { restorePod } from '../../src/session/pod/restore-pod.ts';
import { addHome } from '../../src/sync/pod/add-home.ts';
import { syncHomes } from '../../src/sync/pod/replicate.ts';
import type { Tree } from '../../src/sync/pod/tree.ts';
import { run } from '../../src/sync/process.ts';
import { hashesBelow, noise, PASSPHRASE, PruneLab } from '../sync/retention/prune-lab.ts';

const MEBIBYTE = 2 ** 20;
const DRIVE_BYTES = 24 * MEBIBYTE;
const FILE_BYTES = 3 * MEBIBYTE;
/** More than a checkpoint takes. */
const RESERVE_BYTES = 4 * MEBIBYTE;
/** So many checkpoints are at home when the drive fills up. */
const SYNCED = 2;
const SILENT = (): void => undefined;

describe('a drive that is to keep room free', () => {
  let temp: string;
  let drive: string;
  let home: string;
  let pod: PruneLab;
  beforeEach(async () => {
    temp = await mkdtemp(join(tmpdir(), 'deskpod-reserve-'));
    [drive, home] = [join(temp, 'drive'), join(temp, 'home')];
    await mkdir(drive);
    const image = join(temp, 'drive.img');
    await writeFile(image, '');
    await truncate(image, DRIVE_BYTES);
    await run('mkfs.ext4', ['-q', '-m', '0', image]);
    await run('mount', ['-o', 'loop', image, drive]);
    pod = await PruneLab.create(drive);
  });
  afterEach(async () => {
    await run('umount', [drive]);
    await rm(temp, { recursive: true, force: true });
  });

  it('loses the oldest checkpoints that a home has, and says so when no more of them are left', async () => {
    let headSeq = 0;
    await pod.open(async (tree) => {
      const ask = <Name extends OperationName>(name: Name, parameters: Operations[Name]['parameters']) =>
        operateOnTree(tree, name, parameters, { onProgress: SILENT });
      const { state } = tree.pod;
      assert.equal((await ask('schedule-list', {})).reserve?.reserveBytes, 0);
      await ask('schedule-add', { words: 'hourly' });
      const usual = (await ask('schedule-list', {})).reserve;
      assert.ok(usual?.isUsual && usual.reserveBytes > MEBIBYTE && usual.reserveBytes < RESERVE_BYTES);
      const { reserve } = await ask('reserve', { reserveBytes: RESERVE_BYTES });
      assert.ok(reserve?.reserveBytes === RESERVE_BYTES && !reserve.isUsual);
      await addHome(tree.pod, home);
      const numbers = (): number[] => tree.pod.state.checkpoints.map(({ number }) => number);
      const seal = async (): Promise<readonly string[]> => {
        const number = tree.pod.state.lastCheckpoint + 1;
        await writeFile(join(pod.dir, 'file'), noise(FILE_BYTES, `${number}`));
        const { warnings } = await ask('checkpoint', { acceptsChanges: true });
        pod.sealed.set(number, await hashesBelow(pod.dir));
        return warnings;
      };

      for (let nth = 1; nth <= SYNCED; nth++) assert.deepEqual(await seal(), []);
      await sync(tree);
      headSeq = tree.pod.state.homes[0]?.seq ?? 0;
      let warnings: readonly string[] = [];
      while (warnings.length === 0) warnings = await seal();
      assert.match(
        warnings.join(),
        /^\d checkpoints? that a home has went from the device to keep \S+ MB free/,
      );
      assert.ok((numbers()[0] ?? 0) > 1);
      const thinned = await ask('schedule-list', {});
      assert.ok((thinned.reserve?.freeBytes ?? 0) >= reserve.reserveBytes);
      await pod.requireWhole(tree);

      // until none is left that a home has
      while (tree.pod.state.scheduling.shortage === undefined) warnings = await seal();
      assert.match(warnings.join(), /Only \S+ (bytes|[kM]B) of the device are free, .*: sync it/);
      const last = tree.pod.state.lastCheckpoint;
      const onlyHere = Array.from({ length: last - SYNCED }, (_, index) => index + SYNCED + 1);
      assert.deepEqual(numbers(), onlyHere);
      const { scheduling } = await ask('status', {});
      assert.equal(scheduling.reserve?.shortage?.reserveBytes, reserve.reserveBytes);
      await pod.requireWhole(tree);

      await sync(tree);
      assert.match((await seal()).join(), /checkpoints? that a home has went/);
      assert.equal(tree.pod.state.scheduling.shortage, undefined);
      assert.ok(numbers().includes(last + 1));
      await pod.requireWhole(tree);
      const told = (await tree.pod.events(state.seq)).map(({ event }) => event.type);
      assert.deepEqual(
        told.filter((type) => type.startsWith('reserve')),
        ['reserve.set', 'reserve.short', 'reserve.kept'],
      );
    });
    // what went from the device is whole at home, by the head that it had then
    const target = join(temp, 'restored');
    await restorePod({
      ...{ from: home, target, credential: { passphrase: PASSPHRASE }, checkpoint: 1, headSeq },
      ...{ isForced: false, onProgress: SILENT },
    });
    assert.deepEqual(await hashesBelow(target), pod.sealed.get(1));
  });
});

async function sync({ pod }: Tree): Promise<void> {
  for (const outcome of await syncHomes(pod, undefined, SILENT)) if ('error' in outcome) throw outcome.error;
}
