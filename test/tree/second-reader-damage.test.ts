// What the second reader refuses: flipped bytes of every object, and what was forged with the pod's own keys.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { utf8 } from '../../src/core/bytes.ts';
import type { ManifestEntry } from '../../src/core/manifest.ts';
import { decodePack } from '../../src/core/pack.ts';
import { open } from '../../src/sync/age/age.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';
import { ForgedHome, rawManifest } from './forged-home.ts';
import { runReader } from './reader-program.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/v1/home/', import.meta.url));
const POD_ID = 'e3bbe4ae516e50b0de70a292fe26c4e4';
const KEY = 'AGE-SECRET-KEY-1UQY7T3ND03G98SGDALUE0TU45FYTVU35DZUR0DC6K0G28N7LRHAQY4LZ8C';
const DAMAGED = 21;

describe('the second reader, of a damaged home', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let pod: string;

  beforeEach(() => {
    temp = makeTempFolder();
    pod = join(temp.path, 'home', 'pods', POD_ID);
    cpSync(FIXTURE, join(temp.path, 'home'), { recursive: true });
    writeFileSync(join(temp.path, 'recovery'), KEY);
  });
  afterEach(() => temp.remove());

  const read = (checkpoint: number | string, ...rest: string[]) =>
    runReader([
      join(temp.path, 'home'),
      ...['--recovery-key-file', join(temp.path, 'recovery'), '--checkpoint', `${checkpoint}`],
      ...rest,
    ]);

  /** Both checkpoints, side by side: one of them must need the object. */
  async function assertNamed(place: string): Promise<void> {
    const ends = await Promise.all([read(1), read(2)]);
    const refused = ends.filter(({ status }) => status !== 0);
    assert.ok(refused.length > 0, `${place}: nothing was refused`);
    for (const { status, stderr } of refused) {
      assert.ok(status === DAMAGED || stderr.includes('version'), `${place}: ${status}`);
      assert.ok(stderr.includes(place), `expected ${place} to be named, got ${stderr}`);
    }
  }

  const places = filesBelow(join(FIXTURE, 'pods', POD_ID));

  it('names every object that has a wrong bit', async () => {
    for (const place of places) {
      const whole = readFileSync(join(pod, place));
      const at = Math.floor((whole.length * 2) / 3);
      writeFileSync(join(pod, place), whole.with(at, (whole[at] ?? 0) ^ 4));
      await assertNamed(place);
      writeFileSync(join(pod, place), whole);
    }
  });

  for (const kind of ['head', 'keyrings', 'packs', 'segments']) {
    it(`names what is cut or gone of ${kind}`, async () => {
      const place = places.findLast((path) => path.startsWith(kind)) ?? assert.fail();
      const path = join(pod, place);
      writeFileSync(path, readFileSync(path).subarray(0, -1));
      await assertNamed(place);
      rmSync(path);
      // of a segment that is gone only its records are known; a pod without a head is none
      if (kind === 'head') assert.match((await read(2)).stderr, /head is missing/);
      else await assertNamed(kind === 'segments' ? 'no segment holds record' : place);
    });
  }

  it('is not misled by a wrong bit anywhere in the head', async () => {
    const head = readFileSync(join(pod, 'head'));
    for (const at of [0, 4, 5, 41, 81, 144]) {
      const flipped = Buffer.from(head);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      writeFileSync(join(pod, 'head'), flipped);
      const { status, stderr } = await read(2);
      assert.ok(status === DAMAGED || (at === 4 && status === 1), `byte ${at}: ${status}`);
      // the name of the keyring is read before anything is proven
      assert.match(stderr, at === 81 ? /keyrings\/67f1/ : /head/);
    }
  });

  it('goes on past damage that it does not need, and tells it', async () => {
    const forged = await ForgedHome.open(pod, { recoveryKey: KEY });
    const name = await forged.put('segments', utf8('no segment'), 99);
    const { status, stderr } = await read(2);
    assert.equal(status, 0);
    assert.match(stderr, new RegExp(`not needed, but damaged: segments/${name}.age is damaged`));
  });

  describe('forged with its own keys', () => {
    let forged: ForgedHome;
    beforeEach(async () => {
      forged = await ForgedHome.open(pod, { recoveryKey: KEY });
    });

    it('takes no chunk that does not have its id', async () => {
      const [name = ''] = existing(pod, 'packs').filter((pack) => pack.startsWith('68434e'));
      const sealed = readFileSync(forged.repository.objectPath('packs', name));
      const plaintext = await open(sealed, forged.secrets);
      const chunks = decodePack(plaintext).map(({ offset, plainLength }) =>
        plaintext.slice(offset, offset + plainLength),
      );
      await forged.remove('packs', name);
      const other = await forged.putChunks(
        chunks,
        chunks.map((chunk) => chunk.with(0, 0)),
      );
      const { status, stderr } = await read(2);
      assert.match(
        stderr,
        new RegExp(`chunk [0-9a-f]{64} in packs/${other.slice(0, 2)}/${other}.age is damaged`),
      );
      assert.equal(status, DAMAGED);
    });

    it('takes no record whose MAC is wrong', async () => {
      const [name = ''] = existing(pod, 'segments').filter((segment) => segment.startsWith('000000000003'));
      const plaintext = await open(
        readFileSync(forged.repository.objectPath('segments', name)),
        forged.secrets,
      );
      await forged.remove('segments', name);
      const other = await forged.put('segments', plaintext.with(-1, (plaintext.at(-1) ?? 0) ^ 1), 3);
      const { status, stderr } = await read(2);
      assert.match(stderr, new RegExp(`record of segments/${other}.age is damaged: its MAC`));
      assert.equal(status, DAMAGED);
    });

    it('takes no keyring whose MAC is wrong', async () => {
      const [name = ''] = existing(pod, 'keyrings');
      const bytes = readFileSync(forged.repository.objectPath('keyrings', name));
      const at = bytes.indexOf('recovery key');
      const other = await forged.repository.putObject('keyrings', bytes.fill('Recovery', at, at + 8));
      await forged.writeHead({ keyring: Buffer.from(other.name, 'hex') });
      const { status, stderr } = await read(2);
      assert.match(stderr, new RegExp(`keyrings/${other.name} is damaged: its MAC`));
      assert.equal(status, DAMAGED);
    });

    it('follows no head to a record that is not there', async () => {
      await forged.writeHead({ seq: 9 });
      const { status, stderr } = await read(2);
      assert.match(stderr, /record 9 in segments\/.* is damaged/);
      assert.equal(status, DAMAGED);
    });

    it('passes over events that it does not know, but over no other checkpoint', async () => {
      await forged.append({ type: 'pod.renamed', v: 7 });
      assert.equal((await read('latest')).status, 0);
      await forged.append({ type: 'checkpoint.sealed', v: 2 });
      const { status, stderr } = await read('latest');
      assert.match(stderr, /does not know checkpoint.sealed v 2/);
      assert.equal(status, 1);
    });

    it('gives no checkpoint that was forgotten', async () => {
      await forged.append({ type: 'checkpoints.forgotten', v: 1, numbers: [1], policy: 'last 1' });
      assert.match((await read(1)).stderr, /no checkpoint 1, only: 2/);
      assert.equal((await read(2)).status, 0);
    });

    for (const [what, entries, message] of hostileManifests()) {
      it(`makes nothing of a manifest with ${what}`, async () => {
        await forged.sealCheckpoint(3, rawManifest(entries));
        const { status, stderr } = await read(3, '--into', join(temp.path, 'tree'));
        assert.match(stderr, message);
        assert.equal(status, DAMAGED);
        assert.ok(!existsSync(join(temp.path, 'tree')));
      });
    }
  });

  function hostileManifests(): readonly (readonly [string, readonly Partial<ManifestEntry>[], RegExp])[] {
    const id = new Uint8Array(32);
    return [
      ['a path that leads out', [{ path: utf8('../x') }], /'\.\.\/x' is no path/],
      ['an absolute path', [{ path: utf8('/x') }], /'\/x' is no path/],
      ['a NUL in a path', [{ path: utf8('a\0b') }], /is no path/],
      [
        'a path below a symlink',
        [{ path: utf8('a'), kind: 'symlink', target: utf8('/') }, { path: utf8('a/b') }],
        /'a\/b' lies in no folder/,
      ],
      ['a path twice', [{ path: utf8('a') }, { path: utf8('a') }], /'a' is out of order/],
      ['paths that are out of order', [{ path: utf8('b') }, { path: utf8('a') }], /'a' is out of order/],
      ['a file for the folder that holds all', [{ path: utf8('') }], /has an empty path/],
      [
        'a chunk that is nowhere',
        [{ path: utf8('a'), sizeBytes: 1, chunkIds: [id] }],
        /no pack holds the chunk 0000/,
      ],
      [
        'a file that is longer than its chunks',
        [{ path: utf8('a'), sizeBytes: 9 }],
        /chunks of a have 0 bytes, not 9/,
      ],
      [
        'a hard link to another kind',
        [
          { path: utf8('a'), hardlinkGroup: 1 },
          { path: utf8('b'), kind: 'fifo', hardlinkGroup: 1 },
        ],
        /'b' is not what/,
      ],
      ['a symlink without a target', [{ path: utf8('a'), kind: 'symlink' }], /target of a symlink/],
      ['a mode that cannot be', [{ path: utf8('a'), mode: 0o10000 }], /mode, length or flags/],
    ];
  }
});

function existing(pod: string, kind: 'packs' | 'segments' | 'keyrings'): string[] {
  return filesBelow(join(pod, kind)).map((path) => path.replace(/^..\//, '').replace(/\.age$/, ''));
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(dir, path)).isFile())
    .sort();
}
