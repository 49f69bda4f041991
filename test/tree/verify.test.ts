// deskpod verify and deskpod home check as they are typed: what they print, how they end, and what a kill leaves.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assertSameFiles, openTreeLab, type TreeLab } from './tree-lab.ts';

interface Told {
  readonly place: string;
  readonly isWhole: boolean;
  readonly damage: readonly { readonly kind: string; readonly name: string; readonly healedFrom?: string }[];
  readonly lost: readonly {
    readonly checkpoint: number;
    readonly files: readonly { readonly path: string; readonly pathBase64?: string }[];
  }[];
  readonly leftCount: number;
}

describe('deskpod verify', () => {
  let lab: TreeLab;
  let repository: string;
  beforeEach(async () => {
    lab = await openTreeLab();
    repository = join(lab.dir, '.deskpod', 'repository');
  });
  afterEach(async () => {
    await lab.close();
  });

  const verify = async (...args: string[]): Promise<{ status: number | null; told: Told }> => {
    const { status, stdout } = await lab.program.run(['--json', 'verify', ...lab.at, ...args]);
    return { status, told: JSON.parse(stdout) as Told };
  };
  const packsOf = (dir: string): string[] =>
    readdirSync(join(dir, 'packs'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort((a, b) => statSync(b).size - statSync(a).size);

  it('ends with 0, 4 or 21: all is whole, all is healed, some damage is left and what is lost is named', async () => {
    const hostile = Buffer.from('\u001b[2Jmine\xff', 'latin1');
    writeFileSync(Buffer.concat([Buffer.from(`${lab.dir}/`), hostile]), randomBytes(200_000));
    await lab.bringHome();
    assert.equal((await verify()).status, 0);
    const [pack = ''] = packsOf(repository);
    flip(pack);
    const healed = await verify('--read-data');
    assert.deepEqual([healed.status, healed.told.damage[0]?.healedFrom], [4, lab.home]);
    flip(pack);
    const left = await verify('--sample', '100%', '--no-heal');
    assert.deepEqual([left.status, left.told.leftCount], [21, 1]);
    assert.deepEqual(left.told.lost[0]?.files, [
      { path: '\\x1b[2Jmine\\xff', pathBase64: hostile.toString('base64') },
    ]);
    const forPeople = await lab.program.run(['verify', '--read-data', '--no-heal', ...lab.at]);
    assert.equal(forPeople.status, 21);
    assert.match(forPeople.stdout, /^lost in checkpoint 1: 1 files\n {2}\\x1b\[2Jmine\\xff$/m);
    assert.ok(!forPeople.stdout.includes('\u001b'));
  });

  it('checks a home with no key, and heals it with the pod', async () => {
    await lab.bringHome();
    const [pack = ''] = packsOf(join(lab.home, 'pods', lab.podId));
    flip(pack);
    const stranger = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: undefined } });
    const checked = await stranger.run(['--json', 'home', 'check', lab.home]);
    assert.equal(checked.status, 21);
    const { pods } = JSON.parse(checked.stdout) as { pods: { podId: string; damaged: string[] }[] };
    assert.deepEqual(pods, [{ ...pods[0], podId: lab.podId, damaged: [pack.slice(pack.indexOf('packs/'))] }]);
    assert.equal((await stranger.run(['verify', '--home', lab.home])).status, 21);
    const { status, told } = await verify('--home', lab.home);
    assert.deepEqual([status, told.damage[0]?.healedFrom, told.place], [4, 'device', lab.home]);
    assert.equal((await stranger.run(['home', 'check', lab.home])).status, 0);
    await lab.program.failure('USAGE', ['verify', ...lab.at, '--home', lab.home, '--sample', '5%']);
    await lab.program.failure('USAGE', ['verify', ...lab.at, '--for', 'ever']);
  });

  it('brings back from a home what keeps the pod from being opened, its head and its keyring', async () => {
    await lab.bringHome();
    await lab.checkpoint();
    const [keyring = ''] = readdirSync(join(repository, 'keyrings'));
    flip(join(repository, 'keyrings', keyring));
    const { hint = '' } = await lab.program.failure('OBJECT_DAMAGED', ['verify', ...lab.at]);
    assert.match(hint, /verify -d POD --home URL/);
    writeFileSync(join(repository, 'head'), 'no head');
    const { status, stdout } = await lab.program.run(['--json', 'verify', ...lab.at, '--home', lab.home]);
    assert.equal(status, 4);
    assert.deepEqual((JSON.parse(stdout) as { mended: string[] }).mended, ['head', `keyrings/${keyring}`]);
    assert.equal((await verify('--read-data')).status, 0);
    await lab.sync();
    await lab.restoreHere('back', { checkpoint: 2 });
    await assertSameFiles(join(lab.temp, 'back'), lab.dir);
  });

  it('killed while it heals, leaves the former file or the whole one, and the next one heals', async () => {
    writeFileSync(join(lab.dir, 'large'), randomBytes(12_000_000));
    await lab.bringHome();
    const [pack = ''] = packsOf(repository);
    const whole = readFileSync(pack);
    const moments = [
      () => readdirSync(join(repository, 'tmp')).length > 0,
      () => filesBelow(join(repository, 'tmp')).some((name) => /\.age/.test(name)),
      () => existsSync(pack) && readFileSync(pack).equals(whole),
    ];
    for (const moment of moments) {
      flip(pack);
      const harmed = readFileSync(pack);
      const running = lab.program.start(['verify', '--read-data', ...lab.at]);
      await until(moment, running.ended);
      running.kill();
      await running.ended;
      const now = readFileSync(pack);
      assert.ok(now.equals(harmed) || now.equals(whole), 'neither the former file nor the whole one');
      assert.equal((await verify('--read-data')).told.leftCount, 0);
      assert.ok(readFileSync(pack).equals(whole));
      assert.deepEqual(readdirSync(join(repository, 'tmp')), []);
    }
  });
});

/** Looks again and again, until it is so or the command has ended. */
async function until(moment: () => boolean, ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  while (!isOver && !moment()) await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 2))]);
}

function filesBelow(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true }).map(String);
  } catch (error) {
    // a folder that went while it was listed
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function flip(path: string): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
