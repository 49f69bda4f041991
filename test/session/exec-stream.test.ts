// A command through the supervisor's socket, as `deskpod exec` runs it.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { PassThrough, Readable, Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isDeskPodError } from '../../src/core/errors.ts';
import { execOverSocket } from '../../src/session/operation/exec-in-pod.ts';
import type { ProcessSession } from '../../src/session/process/processes.ts';
import { answerExec } from '../../src/session/supervisor/exec-stream.ts';
import { serveSupervisor } from '../../src/session/supervisor/server.ts';
import { openLab, type SessionLab } from './session-fixture.ts';

const WRITES_PER_LOOK = 200;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What lies in buffers that somebody still holds, and some that were just let go of. */
function heldBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

describe('a command through the supervisor', () => {
  let lab: SessionLab;
  let session: ProcessSession;
  let server: Server;
  let socketPath: string;

  before(async () => {
    lab = await openLab();
    await lab.mount('pod');
    session = await lab.start('pod');
    socketPath = `${lab.dir}/supervisor.sock`;
    server = await serveSupervisor(socketPath, {
      operations: {},
      streams: { exec: (request, response) => answerExec({ session }, request, response) },
    });
  });

  after(async () => {
    server.closeAllConnections();
    server.close();
    await lab.close();
  });

  const runIt = async (argv: string[], stdin: Readable, stdout?: Writable) => {
    const pieces: Buffer[] = [];
    const collect = new PassThrough().on('data', (bytes: Buffer) => pieces.push(bytes));
    const streams = { stdin, stdout: stdout ?? collect, stderr: new PassThrough().resume() };
    const exitCode = await execOverSocket(socketPath, argv, streams, 'the pod');
    return { exitCode, output: Buffer.concat(pieces).toString() };
  };

  it('has its input after its words, whatever is in them', async () => {
    const script = 'cat; printf %s "$1"; exit 3';
    const { exitCode, output } = await runIt(
      ['sh', '-c', script, 'sh', 'a\nb "é"'],
      Readable.from(['ty', 'ped ']),
    );
    assert.equal(exitCode, 3);
    assert.equal(output, 'typed a\nb "é"');
  });

  it('can have 20,000 words', async () => {
    const words = Array.from({ length: 20_000 }, (_, index) => `word-${index}`);
    const { output } = await runIt(['sh', '-c', 'echo $# $1', 'sh', ...words], Readable.from([]));
    assert.equal(output, '20000 word-0\n');
  });

  it('waits for a reader that is slow, and does not fill the memory', async () => {
    let sizeBytes = 0;
    let writes = 0;
    let mostBytes = 0;
    const before = heldBytes();
    const slow = new Writable({
      write(bytes: Buffer, _encoding, done) {
        sizeBytes += bytes.length;
        if (++writes % WRITES_PER_LOOK === 0) mostBytes = Math.max(mostBytes, heldBytes());
        setTimeout(done, 1);
      },
    });
    const { exitCode } = await runIt(['head', '-c', '200000000', '/dev/zero'], Readable.from([]), slow);
    assert.equal(exitCode, 0);
    assert.equal(sizeBytes, 200_000_000);
    assert.ok(mostBytes > 0 && mostBytes - before < 120_000_000, `${before} grew to ${mostBytes} bytes`);
  });

  it('that is none is refused by its code', async () => {
    await assert.rejects(runIt([], Readable.from([])), (error) => isDeskPodError(error, 'USAGE'));
  });

  it('tells of a server that answers something else', async () => {
    const other = createServer((_request, response) => response.writeHead(404).end('{}'));
    const path = `${lab.dir}/other.sock`;
    await new Promise<void>((resolve) => other.listen(path, resolve));
    try {
      const streams = { stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough() };
      await assert.rejects(execOverSocket(path, ['true'], streams, 'the pod'), (error) =>
        isDeskPodError(error, 'SUPERVISOR_UNREACHABLE'),
      );
    } finally {
      other.closeAllConnections();
      other.close();
    }
  });
});
