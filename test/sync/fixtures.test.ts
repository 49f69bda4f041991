// The frozen homes: whatever this program becomes, it must read them, and whatever the format knows is in one of them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toHex } from '../../src/core/bytes.ts';
import { decodeEvent } from '../../src/core/event-codec.ts';
import { decodeMarker } from '../../src/core/marker.ts';
import { decodeRecord } from '../../src/core/record.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { type Credential, unlockRepository } from '../../src/sync/keyring/unlock.ts';
import { foldRecords } from '../../src/sync/pod/pod.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import { readChain } from '../../src/sync/repository/segments.ts';
import { FormatDocument } from '../core/support/format-document.ts';
import { EVENTS } from '../core/support/sample-events.ts';
import {
  branchesIn,
  codecsIn,
  type Facts,
  formatTables,
  listedIn,
  markerName,
  readEntries,
} from '../fixtures/facts.ts';
import { runReader } from '../tree/reader-program.ts';
import { makeTempFolder } from './support/temp-folder.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));
/** The SHA-256 of all that each holds. A fixture that is made again is none. */
const FROZEN: Readonly<Record<string, string>> = {
  v1: '6004963e762e639673af7dfde30390ad8c05eafd451febf88dae8d11fa8bfe94',
  'v1-barriers': 'b21c95a2ea8ccb66b423a3e76c5bb96a3f671a3a907d3196d0e4c99d33802775',
  'v1-branches': 'cc2906747b82b5cfd0fb0f0d905870dd8ebbf4eeb5d9d2a82ae7b2f3f69dbd5c',
  'v1-complete': '268568dd149c53540380c9442901aa8931bbeee52411dcf3c6b24c798e198e93',
  'v1-docks': 'e5816b7febf7b5d40cb3efc300d0d04dc30aa7710fd47296d1775731d52c7a28',
  'v1-doubts': '0c0c57da3d716aff37e02915402999725ba06cd99d2198837365753ee6061b4c',
  'v1-equipment': 'ab1720e3c71eeb24fe20be541422eea5349be2fbfd0dfdf476f18fce60bd912c',
  'v1-inventory': 'b39709daf0849482382f297adf78cc8b458dd65b76d2ac2056600dfa4a07e9c4',
  'v1-passkeys': 'd9c934885cc6de2a808d7799570dc1157d3a3418a2bc74c03832a78ad589178d',
  'v1-runtimes': '5256b4f9f532457bf8fd7a8931abb3e2df19e02ab027a86a59568f8b57200c96',
  'v1-processors': 'b68e3b202797c8ea90c27484a6d4ed07d116f343ee50fe8478e019601d432477',
  'v1-promotions': '83cdee5e995ed54559da1b68a56be8e27d4811078303530383d0909269faa8cf',
  'v1-twins': '1991f0c9b99634fa7393424668bffa9a888fb3ac12180034d4d9b727f026fdc2',
};
const ADVICE =
  'the format has grown: run node test/fixtures/make-fixture.ts v1-NAME as root, and add it to FROZEN';

describe('the frozen homes', () => {
  const names = readdirSync(FIXTURES).filter((name) => existsSync(join(FIXTURES, name, 'home')));
  const all = names
    .filter((name) => existsSync(join(FIXTURES, name, 'facts.json')))
    .map((name) => JSON.parse(readFileSync(join(FIXTURES, name, 'facts.json'), 'utf8')) as Facts);

  it('are all still what they were', () => {
    const found = names.map((name) => [name, digest(join(FIXTURES, name))]);
    assert.deepEqual(Object.fromEntries(found), FROZEN);
  });

  it('hold every event and every kind of thing that the format knows', () => {
    const document = new FormatDocument();
    const known = (table: string) => [...document.numbers(table).values()].sort();
    const held = (of: (facts: Facts) => readonly unknown[]) => [...new Set(all.flatMap(of))].sort();
    const events = Object.values(EVENTS).map(({ type, v }) => `${type} ${v}`);
    assert.deepEqual(
      held(({ events }) => events.map(({ type, v }) => `${type} ${v}`)),
      events.sort(),
      ADVICE,
    );
    assert.deepEqual(
      held(({ entries }) => entries.map(({ kind }) => kind)),
      known('entry kind'),
      ADVICE,
    );
    assert.deepEqual(
      held(({ codecs }) => codecs),
      known('codec'),
      ADVICE,
    );
    assert.deepEqual(
      held(({ slots }) => slots),
      known('slot kind'),
      ADVICE,
    );
    assert.deepEqual(
      held(({ markers }) => markers),
      known('pod kind'),
      ADVICE,
    );
    assert.deepEqual(
      held(({ listed = [] }) => listed.map((line) => line.split(' ')[0])),
      known('inventory kind'),
      ADVICE,
    );
    assert.ok(all.some(({ depth }) => depth > 0));
    assert.ok(all.some(({ branches = [] }) => branches.length > 0));
  });

  it('were made by the tables of docs/FORMAT.md as they are', () => {
    assert.ok(
      all.some(({ tables }) => tables === formatTables()),
      ADVICE,
    );
  });

  for (const name of names.filter((each) => existsSync(join(FIXTURES, each, 'facts.json')))) {
    describe(name, () => {
      const facts = JSON.parse(readFileSync(join(FIXTURES, name, 'facts.json'), 'utf8')) as Facts;
      let temp: ReturnType<typeof makeTempFolder>;
      let home: string;

      beforeEach(() => {
        temp = makeTempFolder();
        home = join(temp.path, 'home');
        // opening a repository makes a folder in it
        cpSync(join(FIXTURES, name, 'home'), home, { recursive: true });
      });
      afterEach(() => temp.remove());

      const keys: Readonly<Record<string, Credential>> = {
        passphrase: { passphrase: facts.passphrase },
        'recovery key': { recoveryKey: facts.recoveryKey },
        ...(facts.passkey === undefined ? {} : { passkey: { passkey: facts.passkey } }),
      };
      for (const [key, credential] of Object.entries(keys)) {
        it(`is read with its ${key} as it was when it was made`, async () => {
          const repository = await Repository.open(join(home, 'pods', facts.podId));
          const { head, keyring } = await unlockRepository(repository, credential);
          const records = await readChain(repository, keyring.secrets, head);
          const { checkpoints } = foldRecords(records);
          assert.deepEqual(
            records.map(({ payload }) => decodeEvent(payload)),
            facts.events,
          );
          assert.deepEqual(
            checkpoints.map(({ number }) => number),
            [1],
          );
          const root = checkpoints[0]?.files ?? assert.fail();
          const { entries, entryCount, entriesHash } = facts;
          const found = await readEntries(repository, keyring.secrets, root);
          assert.deepEqual(found, { entries, entryCount, entriesHash });
          assert.deepEqual(await codecsIn(repository, keyring.secrets), facts.codecs);
          assert.deepEqual(await listedIn(repository), facts.listed ?? []);
          assert.deepEqual(await branchesIn(repository, facts.podId), facts.branches ?? []);
        });
      }

      it('has a marker and a live log that can be read', async () => {
        const repository = await Repository.open(join(home, 'pods', facts.podId));
        const { keyring } = await unlockRepository(repository, { recoveryKey: facts.recoveryKey });
        const sealing = { hashing, logKey: keyring.secrets.logKey };
        const device = join(FIXTURES, name, 'device');
        for (const kind of facts.markers) {
          const marker = decodeMarker(readFileSync(join(device, `${kind}.pod`)), sealing);
          assert.equal(markerName(marker), kind);
          assert.equal(toHex(marker.podId), facts.podId);
        }
        const log = readFileSync(join(device, 'log', '000000000001.log'));
        const types: string[] = [];
        for (let at = 0, seq = 1; at < log.length; seq++) {
          const record = decodeRecord(log, at, sealing, { seq });
          assert.ok(record.kind === 'record');
          types.push(decodeEvent(record.payload).type);
          at += record.bytes.length;
        }
        const added = facts.slots.filter((kind) => kind === 'passkey' || kind === 'home');
        const changed = added.map(() => 'keyring.changed');
        assert.deepEqual(types, [
          ...['pod.created', 'home.added', ...changed],
          ...['checkpoint.sealed', 'home.acknowledged'],
        ]);
      });

      it('is whole for the second reader', async () => {
        writeFileSync(join(temp.path, 'recovery'), facts.recoveryKey);
        const ended = await runReader([home, '--recovery-key-file', join(temp.path, 'recovery')]);
        const stdout = `checkpoint 1 is whole: ${facts.entryCount} entries\n`;
        assert.deepEqual(ended, { status: 0, stdout, stderr: '' });
        for (const branch of facts.branches ?? []) {
          const key = ['--recovery-key-file', join(temp.path, 'recovery')];
          const ofBranch = await runReader([home, ...key, '--branch', branch.slice(0, 8)]);
          assert.deepEqual(ofBranch, { status: 0, stdout, stderr: '' });
        }
      });
    });
  }
});

/** Of the names and bytes of all files below `dir`. */
function digest(dir: string): string {
  const hash = createHash('sha256');
  for (const path of readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!statSync(join(dir, path)).isFile()) continue;
    hash.update(`${path}\0`).update(
      createHash('sha256')
        .update(readFileSync(join(dir, path)))
        .digest(),
    );
  }
  return hash.digest('hex');
}
