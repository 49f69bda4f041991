// The same desktop shown in two ways: a pod's session in our viewer, and plain TigerVNC in noVNC by websockify.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { StartReport, StatusReport } from '../../../src/session/operation/operations.ts';
import { run } from '../../../src/sync/process.ts';
import type { Program } from '../../user/program.ts';
import { type Exec, inRootOf } from '../chroot.ts';
import { processorSeconds } from './processor-time.ts';

/** The size of the display, which is that of the clip. */
export const GEOMETRY = '1280x720';

/** A desktop that a browser can be shown. */
export interface Shown {
  /** What a browser opens. */
  readonly url: string;
  /** What a command prints that sees the display. */
  readonly exec: Exec;
  /** Processor time of all that stands between programs and browser, until now: in seconds by part. */
  serverSeconds(): Readonly<Record<string, number>>;
}

/** A pod's session in its viewer. */
export interface ShownPod extends Shown {
  /** The host's pid of the session's first process. */
  readonly rootPid: number;
  /** Another address for another browser: each opens once. */
  issueUrl(): Promise<string>;
}

/** A pod's session, started for `act` and ended after it. */
export async function showPod(
  program: Program,
  device: string,
  act: (shown: ShownPod) => Promise<void>,
): Promise<void> {
  const started = await program.json<StartReport & { viewerUrl: string }>(
    'start',
    device,
    '--fresh',
    '--geometry',
    GEOMETRY,
  );
  try {
    const { rootPid } = await program.json<StatusReport>('status', '-d', device);
    if (rootPid === undefined) throw new Error('the session has no process');
    const supervisorPid = await listenerAt(new URL(started.viewerUrl).port);
    await act({
      url: started.viewerUrl,
      rootPid,
      issueUrl: async () => (await program.json<{ readonly url: string }>('view', '-d', device)).url,
      exec: (...argv) => program.exec(device, ...argv),
      serverSeconds: () => ({
        Xvnc: processorSeconds(rootPid, /^Xvnc$/),
        relay: processorSeconds(rootPid, /^perl$/),
        bridge: processorSeconds(supervisorPid, /node|MainThread/),
      }),
    });
  } finally {
    await program.json('stop', '-d', device);
  }
}

const DISPLAY_FILE = '/tmp/display-number';

/** The programs of Debian as their manuals say, in a plain chroot. */
const PLAIN = `
cd
Xvnc -displayfd 3 -geometry ${GEOMETRY} -depth 24 -rfbport "$1" -localhost -SecurityTypes None -nolisten tcp 3>${DISPLAY_FILE} &
until [ -s ${DISPLAY_FILE} ]; do sleep 0.05; done
DISPLAY=:$(cat ${DISPLAY_FILE}) openbox &
websockify --web /usr/share/novnc "127.0.0.1:$2" "127.0.0.1:$1" &
wait`;

/** A chroot on a device of the same base with plain TigerVNC, noVNC and websockify. */
export async function showPlain(
  device: string,
  passphrase: string,
  act: (shown: Shown) => Promise<void>,
): Promise<void> {
  await inRootOf(device, passphrase, async (chroot) => {
    await chroot.exec('rm', '-f', DISPLAY_FILE);
    const [rfbPort, webPort] = [await freePort(), await freePort()];
    const server = chroot.start('sh', '-c', PLAIN, 'sh', String(rfbPort), String(webPort));
    const { pid } = server;
    if (pid === undefined) throw new Error('the display could not be started');
    const ended = once(server, 'exit');
    try {
      await run('sh', [
        '-c',
        `timeout 20 sh -c 'until ss -ltnH sport = :${webPort} | grep -q .; do sleep 0.1; done'`,
      ]);
      await act({
        url: `http://127.0.0.1:${webPort}/vnc.html?autoconnect=1&resize=scale`,
        exec: (...argv) =>
          chroot.exec(
            'sh',
            '-c',
            `DISPLAY=:$(cat ${DISPLAY_FILE}); export DISPLAY; exec "$@"`,
            'sh',
            ...argv,
          ),
        serverSeconds: () => ({
          Xvnc: processorSeconds(pid, /^Xvnc$/),
          websockify: processorSeconds(pid, /^websockify|^python/),
        }),
      });
    } finally {
      process.kill(-pid, 'SIGKILL');
      await ended;
    }
  });
}

async function listenerAt(port: string): Promise<number> {
  const { stdout } = await run('ss', ['-ltnpH', `sport = :${port}`]);
  const pid = /pid=(\d+)/.exec(stdout)?.[1];
  if (pid === undefined) throw new Error(`expected who listens at ${port}, got ${stdout}`);
  return Number(pid);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
}
