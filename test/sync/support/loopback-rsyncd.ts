// A real rsync daemon on loopback with its own port and configuration, for the user who runs the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { unusedPort } from './loopback-sshd.ts';

/** Lines of a module in rsyncd.conf. */
export type RsyncdModule = Readonly<Record<string, string | number>>;

/** A running daemon. */
export interface LoopbackRsyncd {
  readonly port: number;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;

/** Starts rsyncd with these modules, and everything it needs under `folder`. */
export async function startRsyncd(
  folder: string,
  modules: Readonly<Record<string, RsyncdModule>>,
): Promise<LoopbackRsyncd> {
  mkdirSync(folder, { recursive: true });
  const port = await unusedPort();
  const owner = userInfo();
  // as root it would become nobody
  const globals = [
    `log file = ${join(folder, 'log')}`,
    `lock file = ${join(folder, 'lock')}`,
    'use chroot = no',
    ...(owner.uid === 0 ? ['uid = root', 'gid = root'] : []),
  ];
  const sections = Object.entries(modules).flatMap(([name, lines]) => [
    `[${name}]`,
    ...Object.entries({ 'read only': 'no', ...lines }).map(([key, value]) => `  ${key} = ${value}`),
  ]);
  writeFileSync(join(folder, 'rsyncd.conf'), `${[...globals, ...sections].join('\n')}\n`);
  const daemon = spawn(
    'rsync',
    [
      '--daemon',
      '--no-detach',
      '--address=127.0.0.1',
      `--port=${port}`,
      `--config=${join(folder, 'rsyncd.conf')}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = once(daemon, 'exit');
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (daemon.exitCode !== null || performance.now() > deadlineMs) throw new Error('rsyncd did not start');
    await delay(20);
  }
  return {
    port,
    async stop() {
      daemon.kill('SIGTERM');
      await ended;
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
