// The frozen home of format version 1: whatever this program becomes, it must open these bytes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '../../src/core/bytes.ts';
import { decodeEvent } from '../../src/core/event-codec.ts';
import { hashObjects } from '../../src/sync/home/home-verification.ts';
import { openRsyncHome } from '../../src/sync/home/rsync-home.ts';
import { type Credential, unlockRepository } from '../../src/sync/keyring/unlock.ts';
import { inodePlace } from '../../src/sync/pod/device-place.ts';
import { requireObjects } from '../../src/sync/pod/objects-at-home.ts';
import { foldRecords } from '../../src/sync/pod/pod.ts';
import { TREE_POD_DIR, treePodFolder } from '../../src/sync/pod/pod-folder.ts';
import { rebuildPod } from '../../src/sync/pod/rebuild.ts';
import { surveyPod } from '../../src/sync/pod/survey.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { chainTo, readSegments } from '../../src/sync/repository/segments.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const FROZEN = fileURLToPath(new URL('../fixtures/v1/home/', import.meta.url));
const POD_ID = 'e3bbe4ae516e50b0de70a292fe26c4e4';
const PASSPHRASE: Credential = { passphrase: 'correct horse battery staple' };
const RECOVERY_KEY = {
  recoveryKey: 'AGE-SECRET-KEY-1UQY7T3ND03G98SGDALUE0TU45FYTVU35DZUR0DC6K0G28N7LRHAQY4LZ8C',
};
/** The worked example of docs/FORMAT.md. */
const PACK = '68434ead3e01afe563e3ebf43ff67270d77bc67c4f83954ff887a7150ee51311';
const LATIN1_NAME = 'caf\xe9.txt';
const MTIME_MS = 1_700_000_000_000;

/** What both checkpoints hold. */
const SHARED: Readonly<Record<string, string>> = {
  dangling: 'symlink 777 nowhere/at all',
  empty: `file 640 ${MTIME_MS} ""`,
  fifo: 'fifo 600',
  folder: 'folder 755',
  'folder/inner': `folder 500 ${MTIME_MS}`,
  'folder/inner/program': `file 755 ${MTIME_MS + 250} "#!/bin/sh\\necho hello\\n"`,
  'folder/second-name': `file 755 ${MTIME_MS + 250} "#!/bin/sh\\necho hello\\n"`,
  link: 'symlink 777 folder/inner/program',
  'sparse.img': `file 640 ${MTIME_MS} 3145728 bytes`,
  'tagged.txt': `file 640 ${MTIME_MS} "the first state\\n"`,
  [LATIN1_NAME]: 'file 644 "a name that is not UTF-8\\n"',
};
const EXPECTED: Readonly<Record<1 | 2, Readonly<Record<string, string>>>> = {
  1: {
    ...SHARED,
    'only-in-1.txt': `file 640 ${MTIME_MS} "gone in checkpoint 2\\n"`,
    'text.txt': `file 640 ${MTIME_MS} "the first state\\n"`,
  },
  2: {
    ...SHARED,
    'only-in-2.txt': `file 644 ${MTIME_MS + 60_000} "new in checkpoint 2\\n"`,
    'text.txt': `file 640 ${MTIME_MS + 60_000} "the second state\\n"`,
  },
};
/** Their times are those of the day on which the fixture was made, so they are left out. */
const UNTIMED = new Set(['folder', 'fifo', LATIN1_NAME]);

describe('the frozen home of format version 1', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let home: string;

  beforeEach(() => {
    temp = makeTempFolder();
    home = join(temp.path, 'home');
    cpSync(FROZEN, home, { recursive: true });
  });

  afterEach(() => temp.remove());

  it('holds the objects that its names promise', async () => {
    const { checkedObjects, damaged } = await hashObjects(join(home, 'pods', POD_ID));
    assert.deepEqual(damaged, []);
    assert.equal(checkedObjects, 9);
  });

  it('opens with the age program alone: recovery slot, identity, pack', async () => {
    const folder = join(home, 'pods', POD_ID);
    const age = (keyFile: string, sealed: Buffer) =>
      execFileSync('age', ['-d', '-i', join(temp.path, keyFile)], { input: sealed });
    const name = readFileSync(join(folder, 'head')).toString('hex', 81, 113);
    const keyring = readFileSync(join(folder, 'keyrings', name));
    const slotStart = keyring.lastIndexOf('age-encryption.org/v1');
    const slot = keyring.subarray(slotStart, slotStart + keyring.readUInt32LE(slotStart - 4));
    writeFileSync(join(temp.path, 'recovery'), RECOVERY_KEY.recoveryKey);
    const secrets = JSON.parse(age('recovery', slot).toString()) as { identity: string; chunkIdKey: string };
    writeFileSync(join(temp.path, 'identity'), secrets.identity);
    const pack = age('identity', readFileSync(join(folder, 'packs', PACK.slice(0, 2), `${PACK}.age`)));
    assert.equal(pack.toString('latin1', 0, 42), 'DPK1\x01new in checkpoint 2\nthe second state\n');
    const key = Buffer.from(secrets.chunkIdKey, 'base64');
    const id = createHmac('sha256', key).update('the second state\n').digest();
    assert.ok(pack.includes(id));
  });

  for (const [what, credential] of [
    ['passphrase', PASSPHRASE],
    ['recovery key', RECOVERY_KEY],
  ] as const) {
    it(`opens with its ${what} and has a whole chain of records`, async () => {
      const repository = await Repository.open(join(home, 'pods', POD_ID));
      const { head, keyring } = await unlockRepository(repository, credential);
      assert.equal(toHex(head.podId), POD_ID);
      assert.equal(head.epoch, 1);
      assert.equal(head.seq, 5);
      assert.equal(keyring.keyring.generation, 2);
      assert.deepEqual(
        keyring.keyring.slots.map(({ kind, label }) => `${kind}: ${label}`),
        ['passphrase: passphrase', 'recovery: recovery key'],
      );
      const records = chainTo(await readSegments(repository, keyring.secrets), head);
      assert.deepEqual(
        records.map(({ payload }) => decodeEvent(payload).type),
        ['pod.created', 'home.added', 'checkpoint.sealed', 'home.acknowledged', 'checkpoint.sealed'],
      );
      const state = foldRecords(records);
      assert.equal(state.name, 'fixture');
      assert.equal(state.kind, 'tree');
      assert.deepEqual(
        state.checkpoints.map(({ number, stats }) => [number, stats.fileCount, stats.fileBytes]),
        [
          [1, 8, 3_145_827],
          [2, 8, 3_145_827],
        ],
      );
    });

    for (const checkpoint of [1, 2] as const) {
      it(`restores checkpoint ${checkpoint} with its ${what}`, async () => {
        const dir = join(temp.path, 'restored');
        const rebuilt = await rebuild(home, dir, credential, checkpoint);
        assert.equal(rebuilt.checkpoint, checkpoint);
        assert.deepEqual(describeTree(dir), EXPECTED[checkpoint]);
        assertDetails(dir);
      });
    }
  }
});

async function rebuild(url: string, dir: string, credential: Credential, checkpoint: number) {
  mkdirSync(join(dir, TREE_POD_DIR), { recursive: true });
  const home = openRsyncHome(url);
  const surveyed = await surveyPod({ home, podId: POD_ID, credential, kind: 'tree', checkpoint });
  return rebuildPod({
    surveyed: await requireObjects(surveyed, false),
    folder: treePodFolder(dir),
    files: { dir },
    vault: 'none',
    place: await inodePlace('folder', join(dir, TREE_POD_DIR)),
    startedMs: 0,
    onProgress: () => undefined,
  });
}

/** Hard links, holes and attributes. */
function assertDetails(dir: string): void {
  const inodeOf = (name: string) => lstatSync(join(dir, name)).ino;
  assert.equal(inodeOf('folder/inner/program'), inodeOf('folder/second-name'));
  const sparse = lstatSync(join(dir, 'sparse.img'));
  assert.ok(sparse.blocks * 512 < 1024 * 1024, `expected holes, got ${sparse.blocks} blocks`);
  const content = readFileSync(join(dir, 'sparse.img'));
  assert.equal(content.indexOf('island'), 2_500_000);
  assert.equal(content.filter((byte) => byte !== 0).length, 'island'.length);
  const args = ['--only-values', '-n', 'user.comment', join(dir, 'tagged.txt')];
  const comment = execFileSync('getfattr', ['--absolute-names', ...args]);
  assert.equal(comment.toString('hex'), '6f6e65ff00');
}

/** Every path below `dir`, as bytes: Node's own recursive listing takes names for UTF-8. */
function describeTree(dir: string, within = Buffer.alloc(0)): Record<string, string> {
  const described: Record<string, string> = {};
  const place = Buffer.concat([Buffer.from(`${dir}/`), within]);
  for (const name of readdirSync(place, { encoding: 'buffer' })) {
    const path = within.length === 0 ? name : Buffer.concat([within, Buffer.from('/'), name]);
    if (path.toString() === TREE_POD_DIR) continue;
    const found = Buffer.concat([Buffer.from(`${dir}/`), path]);
    described[path.toString('latin1')] = describeEntry(found, path.toString('latin1'));
    if (lstatSync(found).isDirectory()) Object.assign(described, describeTree(dir, path));
  }
  return described;
}

function describeEntry(place: Buffer, name: string): string {
  const stats = lstatSync(place);
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isSymbolicLink()) return `symlink ${mode} ${readlinkSync(place)}`;
  const kind = stats.isDirectory() ? 'folder' : stats.isFIFO() ? 'fifo' : 'file';
  const facts = UNTIMED.has(name) ? `${kind} ${mode}` : `${kind} ${mode} ${stats.mtimeMs}`;
  if (kind !== 'file') return facts;
  if (stats.size > 1000) return `${facts} ${stats.size} bytes`;
  return `${facts} ${JSON.stringify(readFileSync(place, 'latin1'))}`;
}
