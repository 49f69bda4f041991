// A stream operation over a supervisor's socket: no faster than it is read, and over when the pod is locked.
import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { DeskPodError, isDeskPodError } from '../../src/core/errors.ts';
import { OpenReads, readFromSupervisor } from '../../src/session/supervisor/read-stream.ts';
import { serveSupervisor } from '../../src/session/supervisor/server.ts';
import type { BrowseOptions, Emit } from '../../src/sync/browse/browsed-pod.ts';
import { makeTempFolder } from '../sync/support/temp-folder.ts';

describe('a stream operation over the socket', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let socketPath: string;
  let reads: OpenReads;
  let server: Server;
  const ended: unknown[] = [];
  let emitted = 0;

  beforeEach(async () => {
    temp = makeTempFolder();
    socketPath = join(temp.path, 'socket');
    reads = new OpenReads();
    emitted = 0;
    ended.length = 0;
    const endless = async (parameters: { bytes: number }, emit: Emit<Uint8Array>): Promise<void> => {
      try {
        for (;;) {
          await emit(Buffer.alloc(parameters.bytes, 7));
          emitted += parameters.bytes;
        }
      } catch (error) {
        ended.push(error);
        throw error;
      }
    };
    const mixed = async (parameters: object, emit: Emit<unknown>, { onProgress }: BrowseOptions) => {
      onProgress({ step: 'reading' });
      await emit({ path: 'a' });
      await emit(Buffer.from('bytes'));
      return { seen: parameters };
    };
    const broken = async (): Promise<never> => {
      throw new DeskPodError('PATH_NOT_FOUND', 'nope', { hint: 'look elsewhere' });
    };
    const streams = {
      endless: reads.serving(endless),
      mixed: reads.serving(mixed),
      broken: reads.serving(broken),
    };
    server = await serveSupervisor(socketPath, { operations: {}, streams });
  });
  afterEach(async () => {
    await reads.stop();
    await new Promise((resolve) => server.close(resolve));
    temp.remove();
  });

  const read = (name: string, parameters: object, emit: Emit<unknown>): Promise<unknown> =>
    readFromSupervisor(socketPath, name, parameters, emit, () => undefined);

  it('hands over items and bytes in order, then the answer', async () => {
    const items: unknown[] = [];
    const steps: string[] = [];
    const answer = await readFromSupervisor(
      socketPath,
      'mixed',
      { x: 1 },
      (item: unknown) => void items.push(item instanceof Uint8Array ? Buffer.from(item).toString() : item),
      ({ step }) => void steps.push(step),
    );
    assert.deepEqual([items, answer, steps], [[{ path: 'a' }, 'bytes'], { seen: { x: 1 } }, ['reading']]);
  });

  it('throws what the operation throws, with its code and hint', async () => {
    await assert.rejects(
      read('broken', {}, () => undefined),
      (error) => {
        assert.ok(isDeskPodError(error, 'PATH_NOT_FOUND'));
        assert.equal(error.hint, 'look elsewhere');
        return true;
      },
    );
  });

  it('reads no more than its client takes, and ends when the client goes', async () => {
    const reading = read('endless', { bytes: 1_000_000 }, async () => {
      // the client has taken one piece; what is read meanwhile may fill the socket and one line, not more
      for (let turn = 0, before = -1; turn < 200 && before !== emitted; turn++) {
        before = emitted;
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw new Error('enough');
    });
    await assert.rejects(reading, /enough/);
    while (ended.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(emitted < 10_000_000, `${emitted} bytes were read for nobody`);
  });

  it('is stopped with the pod, even if its client takes nothing', async () => {
    const taken = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const reading = read('endless', { bytes: 1_000_000 }, () => {
      taken.resolve();
      return release.promise;
    });
    reading.catch(() => undefined);
    await taken.promise;
    await reads.stop();
    assert.equal(ended.length, 1);
    release.resolve();
    await assert.rejects(reading, (error) => isDeskPodError(error, 'SUPERVISOR_UNREACHABLE'));
    await assert.rejects(
      read('mixed', {}, () => undefined),
      (error) => isDeskPodError(error, 'SUPERVISOR_UNREACHABLE'),
    );
  });
});
