// A program for the log's tests: appends three events at a time and prints each seq that was acknowledged.
import { utf8 } from '../../src/core/bytes.ts';
import { hashing } from '../../src/sync/hashing.ts';
import { Log } from '../../src/sync/log/log.ts';

const log = await Log.open(process.argv[2] ?? '', { hashing, logKey: new Uint8Array(32).fill(3) });
for (let count = 0; count < 100_000; count++) {
  const texts = [1, 2, 3].map((step) => utf8(`event ${log.seq + step}`));
  const records = await log.append(texts, { expectedSeq: log.seq, atMs: 1 });
  process.stdout.write(`${records.at(-1)?.seq}\n`);
}
