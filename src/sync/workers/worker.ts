// The thread of a worker: takes orders, gives answers, and hands the buffers over instead of copying them.
import { parentPort, type Transferable } from 'node:worker_threads';
import { Bench } from './bench.ts';
import type { Answer, Order, SetUp, SetUpAnswer } from './messages.ts';

let bench: Bench | undefined;

parentPort?.on('message', (message: SetUp | Order) => {
  if (message.type === 'setUp') {
    bench = new Bench(message);
    parentPort?.postMessage({ type: 'setUp' } satisfies SetUpAnswer);
  } else if (bench !== undefined) {
    const answer = bench.answer(message);
    parentPort?.postMessage(answer, transferable(answer));
  }
});

function transferable(answer: Answer): Transferable[] {
  const buffers: (ArrayBufferLike | undefined)[] = [];
  if (answer.type === 'read') buffers.push(answer.plain?.buffer);
  if (answer.type === 'keep') buffers.push(answer.bytes?.buffer);
  return buffers.filter((buffer) => buffer instanceof ArrayBuffer);
}
