// A real display for the tests: Xvnc on a unix socket, and programs in it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRfb } from '../../src/session/rfb/client.ts';

const DISPLAY_SERVER = 'Xvnc';
/** Of a very busy machine, within the time of a test. */
const PATIENCE_MS = 30_000;
const TERMINAL_PIXEL = { x: 30, y: 30, white: 0xffffff } as const;

/** The pointer stays off that pixel: displays draw a pointer that somebody else has moved. */
const POINTER = { x: 500, y: 300 } as const;

/** A running Xvnc; `stop` ends it and everything that was started in it. */
export interface TestDesktop {
  readonly folder: string;
  readonly socketPath: string;
  start(program: string, args: readonly string[]): ChildProcess;
  stop(): Promise<void>;
}

/** Starts an Xvnc of 1024x768 that listens on a unix socket only. */
export async function startDesktop(): Promise<TestDesktop> {
  const folder = await mkdtemp(join(tmpdir(), 'deskpod-display-'));
  const socketPath = join(folder, 'rfb');
  const programs: ChildProcess[] = [];
  const options = ['-geometry', '1024x768', '-depth', '24', '-nolisten', 'tcp', '-displayfd', '3'];
  const rfb = ['-rfbport', '-1', '-rfbunixpath', socketPath, '-SecurityTypes', 'None', '-AlwaysShared'];
  const server = spawn(DISPLAY_SERVER, [...options, ...rfb], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  programs.push(server);
  const stop = async () => {
    for (const program of programs.toReversed()) await end(program);
    // A browser's helpers end a moment after it, and write until then.
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    const [number] = await once(server.stdio[3] ?? server, 'data');
    const env = { ...process.env, DISPLAY: `:${String(number).trim()}`, LC_ALL: 'C.UTF-8' };
    const start = (program: string, args: readonly string[]) => {
      const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
      programs.push(child);
      return child;
    };
    return { folder, socketPath, start, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Opens an xterm with `command` in it and the pointer over it (no window manager: the pointer gives the focus). */
export async function openTerminal(desktop: TestDesktop, command: string): Promise<void> {
  desktop.start('xterm', ['-geometry', '100x30+0+0', '-e', 'sh', '-c', command]);
  const client = await connectRfb(desktop.socketPath, { timeoutMs: PATIENCE_MS });
  const { x, y, white } = TERMINAL_PIXEL;
  await client.waitForPixels((framebuffer) => framebuffer.colorAt(x, y) === white, PATIENCE_MS);
  client.pointer(POINTER.x, POINTER.y);
  await client.roundTrip();
  client.close();
}

/** The content of a file as soon as `isDone` is true of it. */
export async function readWhen(path: string, isDone: (text: string) => boolean): Promise<string> {
  const text = await until(() => readFile(path, 'utf8').catch(() => ''), isDone);
  return text;
}

/** The first value that `isDone` is true of; the last one looked at when that takes too long. */
export async function until<Value>(
  look: () => Promise<Value>,
  isDone: (value: Value) => boolean,
): Promise<Value> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await look();
    if (isDone(value) || performance.now() > deadlineMs) return value;
    await delay(20);
  }
}

async function end(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null || program.pid === undefined) return;
  const exited = once(program, 'exit');
  program.kill('SIGTERM');
  const timer = setTimeout(() => program.kill('SIGKILL'), 3000);
  await exited;
  clearTimeout(timer);
}
