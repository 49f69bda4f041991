// Segments in a repository.
import assert from 'node:assert/strict';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import type { LogRecord } from '../../src/core/record.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { createKeyring, type OpenKeyring } from '../../src/sync/keyring/keyring-file.ts';
import { Log } from '../../src/sync/log/log.ts';
import { Repository } from '../../src/sync/repository/repository.ts';
import {
  chainTo,
  logTips,
  readChain,
  readSegments,
  sealSegment,
} from '../../src/sync/repository/segments.ts';
import { expectCode } from './expect-code.ts';
import { scratchFolder } from './scratch.ts';

describe('segments', () => {
  const folder = scratchFolder();
  const logs: Log[] = [];
  let kept: OpenKeyring;
  let repository: Repository;

  before(async () => {
    kept = await createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });
  });

  beforeEach(async () => {
    repository = await Repository.create(join(folder(), 'repository'));
  });

  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close();
  });

  async function logNamed(name: string, from: readonly LogRecord[] = []): Promise<Log> {
    const log = await Log.create(join(folder(), name), { hashing, logKey: kept.secrets.logKey });
    logs.push(log);
    await log.adopt(from);
    return log;
  }

  function writer(epoch: number) {
    return { podId: kept.secrets.podId, epoch, deviceId: new Uint8Array(16).fill(epoch) };
  }

  async function append(log: Log, ...texts: string[]): Promise<LogRecord[]> {
    return log.append(texts.map(utf8), { expectedSeq: log.seq, atMs: log.seq });
  }

  async function seal(records: readonly LogRecord[], epoch = 1): Promise<string> {
    return (await sealSegment(repository, writer(epoch), records, kept.secrets.identity)).name;
  }

  function texts(records: readonly LogRecord[]): string[] {
    return records.map(({ payload }) => Buffer.from(payload).toString());
  }

  it('read back to the log that they were made of', async () => {
    const log = await logNamed('log');
    await seal(await append(log, 'a', 'b'));
    await seal(await append(log, 'c'));
    const segments = await readSegments(repository, kept.secrets);
    const records = chainTo(segments, { seq: log.seq, recordHash: log.headHash });
    assert.deepEqual(records, await log.read());
    assert.deepEqual(logTips(segments), [{ ...writer(1), seq: 3, recordHash: log.headHash }]);
    assert.deepEqual(chainTo(segments, { seq: 0, recordHash: new Uint8Array(32) }), []);
  });

  it('may overlap, and the chain may end within one', async () => {
    const log = await logNamed('log');
    const [first] = await append(log, 'a');
    await append(log, 'b');
    await seal(await log.read());
    await append(log, 'c');
    await seal(await log.read(2));
    const segments = await readSegments(repository, kept.secrets);
    assert.deepEqual(texts(chainTo(segments, { seq: 3, recordHash: log.headHash })), ['a', 'b', 'c']);
    assert.ok(first);
    assert.deepEqual(texts(chainTo(segments, { seq: 1, recordHash: first.bodyHash })), ['a']);
  });

  it('are not needed by a chain that does without them, be they damaged or a stranger’s', async () => {
    const log = await logNamed('log');
    await seal(await append(log, 'a'));
    const needed = await seal(await append(log, 'b'));
    await repository.putObject('segments', utf8('no segment at all'), { firstSeq: 2 });
    const end = { seq: 2, recordHash: log.headHash };
    assert.deepEqual(texts(await readChain(repository, kept.secrets, end)), ['a', 'b']);
    await rm(repository.objectPath('segments', needed));
    await expectCode('OBJECT_DAMAGED', () => readChain(repository, kept.secrets, end));
  });

  it('are missing if there is a gap', async () => {
    const log = await logNamed('log');
    await seal(await append(log, 'a'));
    await append(log, 'b');
    await seal(await append(log, 'c'));
    const segments = await readSegments(repository, kept.secrets);
    const error = await expectCode('OBJECT_MISSING', async () =>
      chainTo(segments, { seq: 3, recordHash: log.headHash }),
    );
    assert.equal(error.details.seq, 2);
  });

  it('tell two branches of a pod apart by their hashes', async () => {
    const old = await logNamed('old');
    await seal(await append(old, 'a', 'b'));
    const restored = await logNamed('restored', await old.read());
    await seal(await append(old, 'lost'), 1);
    await seal(await append(restored, 'found'), 2);
    const segments = await readSegments(repository, kept.secrets);
    const chain = (log: Log) => texts(chainTo(segments, { seq: log.seq, recordHash: log.headHash }));
    assert.deepEqual(chain(old), ['a', 'b', 'lost']);
    assert.deepEqual(chain(restored), ['a', 'b', 'found']);
    assert.deepEqual(
      logTips(segments).map(({ epoch, recordHash }) => [epoch, toHex(recordHash)]),
      [
        [1, toHex(old.headHash)],
        [2, toHex(restored.headHash)],
      ],
    );
  });

  it('are foreign if they hold another history only', async () => {
    const [mine, theirs] = [await logNamed('mine'), await logNamed('theirs')];
    await seal(await append(theirs, 'x'));
    await append(mine, 'y');
    const segments = await readSegments(repository, kept.secrets);
    await expectCode('HOME_FOREIGN', async () => chainTo(segments, { seq: 1, recordHash: mine.headHash }));
  });

  it('are damaged under another name, another identity or another key', async () => {
    const log = await logNamed('log');
    const name = await seal(await append(log, 'a'));
    const other = await createKeyring({ label: 'p', createdAtMs: 1, passphrase: 'x', workFactor: 4 });
    await expectCode('OBJECT_DAMAGED', () => readSegments(repository, other.secrets));
    const mixed = { identity: kept.secrets.identity, logKey: other.secrets.logKey };
    await expectCode('RECORD_DAMAGED', () => readSegments(repository, mixed));
    const moved = `000000000009${name.slice(12)}`;
    await rename(repository.objectPath('segments', name), repository.objectPath('segments', moved));
    const error = await expectCode('SEGMENT_DAMAGED', () => readSegments(repository, kept.secrets));
    assert.equal(error.details.name, moved);
    await rm(repository.objectPath('segments', moved));
    assert.deepEqual(await readSegments(repository, kept.secrets), []);
  });
});
