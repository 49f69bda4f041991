// Data that programs at work leave: a browser's profile, killed while it is in use, and process images of a desktop.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../src/sync/process.ts';

const CHROMIUM = 'chromium';
const CRIU = join(process.env.DESKPOD_RUNTIME ?? '/var/lib/deskpod/runtime', 'bin', 'criu');
const STARTED_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/** The profile of a browser that has shown a page, as it lies on the drive while the browser runs: journals and all. */
export async function makeProfile(dir: string): Promise<void> {
  const options = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-quic'];
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
  const page = 'data:text/html,<h1>A page</h1>';
  const args = [...options, ...quiet, '--remote-debugging-port=0', `--user-data-dir=${dir}`, page];
  const browser = start(CHROMIUM, args);
  try {
    await untilThere(join(dir, 'Default', 'History'));
    await untilThere(join(dir, 'Default', 'Network', 'Cookies'), join(dir, 'Default', 'Cookies'));
  } finally {
    await end(browser);
  }
  // sockets and links to processes that are gone say nothing
  for (const name of ['SingletonLock', 'SingletonSocket', 'SingletonCookie'])
    await rm(join(dir, name), { force: true });
}

/** A display with a terminal in which something is printed all the time; its process images are taken again and again. */
export class RunningDesktop {
  readonly #shell: ChildProcess;

  private constructor(shell: ChildProcess) {
    this.#shell = shell;
  }

  /** Starts it with its socket in `dir`. */
  static async start(dir: string): Promise<RunningDesktop> {
    await mkdir(dir, { recursive: true });
    const socket = join(dir, 'rfb');
    const script = `
      Xvnc :97 -rfbport -1 -rfbunixpath "$0" -SecurityTypes None -geometry 1280x800 &
      until [ -S "$0" ]; do sleep 0.1; done
      xterm -display :97 -e sh -c 'while :; do date; sleep 0.1; done' &
      wait`;
    const shell = start('sh', ['-c', script, socket]);
    await untilThere(socket);
    return new RunningDesktop(shell);
  }

  /** Its process images, in `dir`; it goes on. */
  async dump(dir: string): Promise<void> {
    await mkdir(dir, { recursive: true });
    const how = ['--leave-running', '--ext-unix-sk', '--file-locks', '--tcp-close', '--ghost-limit', '64M'];
    const quiet = ['--network-lock', 'skip', '-v0'];
    await run(CRIU, ['dump', '-t', String(this.#shell.pid), '-D', dir, ...how, ...quiet]);
  }

  stop(): Promise<void> {
    return end(this.#shell);
  }
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: 'ignore', detached: true });
}

/** Ends a program and all that it started. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}

async function untilThere(...paths: readonly string[]): Promise<void> {
  const deadlineMs = performance.now() + STARTED_TIMEOUT_MS;
  while (!paths.some((path) => existsSync(path))) {
    if (performance.now() > deadlineMs) throw new Error(`expected ${paths.join(' or ')}, got nothing`);
    await delay(POLL_MS);
  }
}
