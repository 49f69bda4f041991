// The real NetworkManager on a bus and in a network of its own: as this machine's service it would take its own network in hand.
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Where ops/setup puts it. */
const TREE = join(process.env.DESKPOD_GUESTS ?? '/var/lib/deskpod/guests', 'network-manager');
const SCRIPT = join(import.meta.dirname, 'network-manager.sh');
/** Anything may own any name, and nobody is started. */
const CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=PATH</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>`;

/** What it says that the connection costs; unknown where there is none. */
export type Metered = 'unknown' | 'yes' | 'no' | 'guessedYes' | 'guessedNo';

/** A bus of one test. */
export class NetworkManagerBus {
  readonly address: string;
  readonly #dir: string;
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  private constructor(dir: string) {
    assert.ok(existsSync(join(TREE, 'usr/sbin/NetworkManager')), `nothing in ${TREE}: run ops/setup --tests`);
    this.#dir = dir;
    this.address = `unix:path=${join(dir, 'bus')}`;
    // with the first process all of them go, and with the last one what is mounted
    const apart = [
      '--net',
      '--mount',
      '--propagation=slave',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
    ];
    this.#process = spawn('unshare', [...apart, 'bash', SCRIPT, TREE, dir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = once(this.#process, 'exit');
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Starts a bus in a folder; nobody answers on it yet. */
  static async start(dir: string): Promise<NetworkManagerBus> {
    await writeFile(join(dir, 'bus.conf'), CONFIG.replace('PATH', join(dir, 'bus')));
    const bus = new NetworkManagerBus(dir);
    await bus.#hear('bus');
    return bus;
  }

  /** From now on NetworkManager, which is started if need be, says this of the connection. */
  async say(metered: Metered): Promise<void> {
    this.#process.stdin.write(`${metered}\n`);
    await this.#hear(metered);
  }

  async close(): Promise<void> {
    this.#process.stdin.end();
    await this.#ended;
  }

  async #hear(word: string): Promise<void> {
    const { value } = await this.#lines.next();
    if (value !== word)
      assert.fail(`${value}: ${await readFile(join(this.#dir, 'network-manager.log'), 'utf8')}`);
  }
}
