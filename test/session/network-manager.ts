// A real bus of the system's kind with a stand-in on it: NetworkManager itself would take the machine's own network in hand.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { kill } from './device-bench.ts';

/** Anything may own any name, and nobody is started. */
const CONFIG = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=PATH</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>`;

const BUS = 'org.freedesktop.DBus';
const [CALL, RETURN, ERROR] = [1, 2, 3];
/** Fields of a message's head, by their codes. */
const FIELD = {
  ...{ path: 1, interface: 2, member: 3, errorName: 4 },
  ...{ replySerial: 5, destination: 6, sender: 7, signature: 8 },
} as const;
const DO_NOT_QUEUE = 4;

/** NetworkManager's words for what a connection costs. */
export const METERED = { unknown: 0, yes: 1, no: 2, guessedYes: 3, guessedNo: 4 } as const;

/** A bus of one test. */
export class NetworkManagerBus {
  readonly address: string;
  readonly #daemon: ChildProcess;
  readonly #path: string;
  #service: Service | undefined;

  private constructor(daemon: ChildProcess, path: string) {
    this.#daemon = daemon;
    this.#path = path;
    this.address = `unix:path=${path}`;
  }

  /** Starts a bus in a folder; nobody answers on it yet. */
  static async start(dir: string): Promise<NetworkManagerBus> {
    const path = join(dir, 'bus');
    await writeFile(join(dir, 'bus.conf'), CONFIG.replace('PATH', path));
    const args = ['--nofork', '--print-address', `--config-file=${join(dir, 'bus.conf')}`];
    const daemon = spawn('dbus-daemon', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(daemon.stdout as NodeJS.EventEmitter, 'data');
    return new NetworkManagerBus(daemon, path);
  }

  /** From now on what answers there says this of the connection. */
  async say(metered: number): Promise<void> {
    this.#service ??= await Service.start(this.#path);
    this.#service.metered = metered;
  }

  async close(): Promise<void> {
    this.#service?.close();
    await kill(this.#daemon);
  }
}

/** Answers one question, and to all others that it does not know them. */
class Service {
  metered: number = METERED.unknown;
  readonly #socket: Socket;
  #serial = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async start(path: string): Promise<Service> {
    const socket = connect(path);
    await once(socket, 'connect');
    const uid = Buffer.from(String(process.getuid?.())).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString('latin1'), /^OK /);
    socket.write('BEGIN\r\n');
    const service = new Service(socket);
    const named = service.#listen();
    service.#callBus('Hello', '', []);
    service.#callBus('RequestName', 'su', [
      ...text('org.freedesktop.NetworkManager', 0),
      ...uint(DO_NOT_QUEUE, 'org.freedesktop.NetworkManager'.length + 5),
    ]);
    await named;
    return service;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when the bus has answered twice: it has the name then. */
  #listen(): Promise<void> {
    let held = Buffer.alloc(0);
    let answerCount = 0;
    return new Promise((resolve) => {
      this.#socket.on('data', (bytes: Buffer) => {
        held = Buffer.concat([held, bytes]);
        for (let one = readMessage(held); one !== undefined; one = readMessage(held)) {
          held = held.subarray(one.lengthBytes);
          if (one.type === RETURN) answerCount += 1;
          if (answerCount === 2) resolve();
          if (one.type === CALL) this.#answer(one);
        }
      });
    });
  }

  #answer({ serial, sender, member, body }: Message): void {
    const isAsked = member === 'Get' && body.includes('Metered');
    const fields: Field[] = [
      [FIELD.replySerial, 'u', serial],
      [FIELD.destination, 's', sender],
    ];
    if (isAsked)
      this.#send(
        RETURN,
        [...fields, [FIELD.signature, 'g', 'v']],
        [...signature('u'), ...uint(this.metered, 3)],
      );
    else this.#send(ERROR, [...fields, [FIELD.errorName, 's', `${BUS}.Error.UnknownMethod`]], []);
  }

  #callBus(member: string, types: string, body: readonly number[]): void {
    const fields: Field[] = [
      [FIELD.path, 'o', '/org/freedesktop/DBus'],
      [FIELD.interface, 's', BUS],
      [FIELD.member, 's', member],
      [FIELD.destination, 's', BUS],
    ];
    this.#send(CALL, types === '' ? fields : [...fields, [FIELD.signature, 'g', types]], body);
  }

  #send(type: number, fields: readonly Field[], body: readonly number[]): void {
    const head: number[] = [];
    for (const [code, kind, value] of fields) {
      head.push(...padding(head.length, 8), code, ...signature(kind));
      if (typeof value === 'number') head.push(...uint(value, head.length));
      else head.push(...(kind === 'g' ? signature(value) : text(value, head.length)));
    }
    this.#serial += 1;
    const start = [
      0x6c,
      type,
      0,
      1,
      ...uint(body.length, 4),
      ...uint(this.#serial, 8),
      ...uint(head.length, 12),
    ];
    this.#socket.write(Buffer.from([...start, ...head, ...padding(head.length, 8), ...body]));
  }
}

type Field = readonly [code: number, kind: 'o' | 's' | 'u' | 'g', value: string | number];

interface Message {
  readonly type: number;
  readonly serial: number;
  readonly sender: string;
  readonly member: string;
  readonly body: Buffer;
  readonly lengthBytes: number;
}

/** What comes before a value that begins at `at`. */
function padding(at: number, to: number): number[] {
  return new Array<number>((to - (at % to)) % to).fill(0);
}

function uint(value: number, at: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return [...padding(at, 4), ...bytes];
}

function text(value: string, at: number): number[] {
  return [...uint(Buffer.byteLength(value), at), ...Buffer.from(value), 0];
}

function signature(value: string): number[] {
  return [value.length, ...Buffer.from(value), 0];
}

/** The first message in these bytes, once it is there as a whole. */
function readMessage(bytes: Buffer): Message | undefined {
  if (bytes.length < 16) return undefined;
  const bodyBytes = bytes.readUInt32LE(4);
  const fieldsEnd = 16 + bytes.readUInt32LE(12);
  const bodyAt = fieldsEnd + padding(fieldsEnd, 8).length;
  if (bytes.length < bodyAt + bodyBytes) return undefined;
  const texts = new Map<number, string>();
  for (let at = 16; at < fieldsEnd; ) {
    at += padding(at, 8).length;
    const code = bytes[at] as number;
    const kind = String.fromCharCode(bytes[at + 2] as number);
    at += 4;
    if (kind === 'g') {
      at += (bytes[at] as number) + 2;
      continue;
    }
    at += padding(at, 4).length;
    const value = bytes.readUInt32LE(at);
    at += 4;
    if (kind === 'u') continue;
    texts.set(code, bytes.toString('utf8', at, at + value));
    at += value + 1;
  }
  return {
    type: bytes[1] as number,
    serial: bytes.readUInt32LE(8),
    sender: texts.get(FIELD.sender) ?? '',
    member: texts.get(FIELD.member) ?? '',
    body: bytes.subarray(bodyAt, bodyAt + bodyBytes),
    lengthBytes: bodyAt + bodyBytes,
  };
}
