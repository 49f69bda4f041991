// Starts threads again and again, and ends them at a later moment of their start each time; the last ones end with it.
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { gearTable } from '../../../src/core/chunker.ts';
import { hashing } from '../../../src/sync/hashing.ts';
import { Crew } from '../../../src/sync/workers/crew.ts';

const TIMES = 60;

const NONE = new Uint8Array();
const setUp = { chunkIdKey: randomBytes(32), table: gearTable(hashing, randomBytes(32)) };

async function startMs(): Promise<number> {
  const crew = new Crew(setUp, 2);
  const begin = performance.now();
  await crew
    .thread()
    .ask({ type: 'keep', number: 0, isNew: NONE, sort: 'data', level: 1, header: undefined, spares: [] })
    .catch(() => undefined);
  const took = performance.now() - begin;
  await crew.end();
  return took;
}

const took = await startMs();
for (let time = 0; time < TIMES; time++) {
  const crew = new Crew(setUp, 2);
  crew.thread();
  // the code of the threads is run in the second half of their start
  const end = performance.now() + took * (0.5 + (0.5 * time) / TIMES);
  while (performance.now() < end) await setImmediate();
  await crew.end();
}
new Crew(setUp, 2).thread();
console.log('ended');
