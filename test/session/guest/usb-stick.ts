// USB sticks of a guest, image files here: QEMU plugs one in and pulls it out while the guest runs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rm, watch } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * What a guest prints, as a line of its own, to have its stick plugged in, the other one plugged in, or what is plugged in
 * pulled out. What is lost is pulled out, and its image file deleted.
 */
type Request = (typeof REQUESTS)[number];

const REQUESTS = ['plug', 'plug other', 'pull', 'lose'] as const;

/** What QEMU says by its protocol: what came of a command, or what happened. */
interface MonitorLine {
  readonly return?: unknown;
  readonly error?: unknown;
  readonly event?: string;
  readonly data?: { readonly device?: string };
}

const STICK = 'stick';

/** The sticks of one guest, of which one is plugged in at a time. */
export class UsbStick {
  readonly #images: readonly string[];
  readonly #socketPath: string;
  /** Of the image that was plugged in last. */
  #plugged = 0;
  #monitor: Socket | undefined;
  #lines: AsyncIterator<string> | undefined;

  /**
   * @param images of the stick, and of the other one if there is one
   * @param socketPath where QEMU is to listen
   */
  constructor(images: readonly string[], socketPath: string) {
    this.#images = images;
    this.#socketPath = socketPath;
  }

  /** What QEMU is to be started with: no stick is plugged in yet. */
  get arguments(): readonly string[] {
    return [
      ...['-device', 'qemu-xhci', '-qmp', `unix:${this.#socketPath},server=on,wait=off`],
      ...this.#images.flatMap((image, index) => [
        '-blockdev',
        `driver=raw,node-name=${nodeOf(index)},file.driver=file,file.filename=${image}`,
      ]),
    ];
  }

  /**
   * Does what the guest asks for in the file of its second serial line, until it has ended. What cannot be done ends it.
   * @throws what made the guest end, or why it could not be served
   */
  async serveUntil(ended: Promise<unknown>, file: string, ending: AbortController): Promise<void> {
    const over = new AbortController();
    const serving = this.#serve(file, over.signal).catch((error: unknown) => {
      ending.abort();
      throw error;
    });
    const [, served] = await Promise.allSettled([ended.finally(() => over.abort()), serving]);
    // QEMU may have ended
    this.#monitor?.destroy();
    if (served.status === 'rejected') throw served.reason;
    await ended;
  }

  async #serve(file: string, signal: AbortSignal): Promise<void> {
    let servedCount = 0;
    try {
      for await (const { filename } of watch(dirname(file), { signal })) {
        if (filename !== basename(file)) continue;
        const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
        const requests = lines.map((line) => line.trim()).filter(isRequest);
        for (const request of requests.slice(servedCount)) await this.#do(request);
        servedCount = requests.length;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #do(request: Request): Promise<void> {
    if (request === 'plug') return this.#plugIn(0);
    if (request === 'plug other') return this.#plugIn(1);
    await this.#pull();
    if (request === 'lose') await this.#lose();
  }

  /** The guest may not have noticed it yet on return. */
  async #plugIn(index: number): Promise<void> {
    this.#plugged = index;
    await this.#command('device_add', {
      driver: 'usb-storage',
      id: STICK,
      drive: nodeOf(index),
      serial: `deskpod-${index + 1}`,
    });
  }

  /** Of the stick that was pulled out last. */
  async #lose(): Promise<void> {
    await this.#command('blockdev-del', { 'node-name': nodeOf(this.#plugged) });
    await rm(this.#images[this.#plugged] ?? '');
  }

  async #pull(): Promise<void> {
    // it may be told of before the command is answered
    let isDeleted = false;
    const isOfStick = ({ event, data }: MonitorLine) => event === 'DEVICE_DELETED' && data?.device === STICK;
    await this.#command('device_del', { id: STICK }, (line) => {
      isDeleted ||= isOfStick(line);
    });
    if (!isDeleted) await this.#next(isOfStick);
  }

  async #command(execute: string, parameters?: object, onOther?: (line: MonitorLine) => void): Promise<void> {
    if (this.#monitor === undefined) await this.#connect();
    this.#monitor?.write(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    const { error } = await this.#next((line) => {
      const isAnswer = 'return' in line || 'error' in line;
      if (!isAnswer) onOther?.(line);
      return isAnswer;
    });
    assert.equal(error, undefined, `${execute}: ${JSON.stringify(error)}`);
  }

  async #connect(): Promise<void> {
    this.#monitor = createConnection(this.#socketPath);
    await once(this.#monitor, 'connect');
    this.#lines = createInterface({ input: this.#monitor })[Symbol.asyncIterator]();
    await this.#command('qmp_capabilities');
  }

  async #next(isMeant: (line: MonitorLine) => boolean): Promise<MonitorLine> {
    for (;;) {
      const next = await this.#lines?.next();
      assert.ok(next !== undefined && next.done !== true, 'QEMU has ended');
      const line = JSON.parse(next.value) as MonitorLine;
      if (isMeant(line)) return line;
    }
  }
}

function nodeOf(index: number): string {
  return `stick-image-${index}`;
}

function isRequest(line: string): line is Request {
  return (REQUESTS as readonly string[]).includes(line);
}
