// What is said to the kernel module and heard from it, as bytes: the structures of kmod/deskpod_ioctl.h.
import { DeskPodError } from './errors.ts';

/** The interface that this version speaks; DESKPOD_ABI of the header. */
export const MODULE_INTERFACE = 1;

/** DESKPOD_TOKEN_BYTES of the header. */
export const TOKEN_BYTES = 32;

/** DESKPOD_IOC_MAGIC of the header, as a character. */
export const IOCTL_TYPE = '\xdb';

/** Numbers of the requests, by their names in the header. */
export const REQUESTS = { version: 0, register: 1, claim: 3, end: 4, status: 5 } as const;

/** Of a field: where it begins and how long it is, in bytes. */
interface Field {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A structure of the header, field by field; all numbers are little-endian, as of all processors that the module is for. */
interface Structure {
  readonly sizeBytes: number;
  readonly fields: Readonly<Record<string, Field>>;
}

/** The structures by their names in the header, without `deskpod_`. A test holds them against it. */
export const STRUCTURES = {
  version: structure({ abi: 4, record_bytes: 4, operations: 8 }),
  register: structure({ flags: 4, pid: 4, want: 4, reserved: 4, session: 8, token: TOKEN_BYTES }),
  claim: structure({ flags: 4, reserved: 4, session: 8, token: TOKEN_BYTES }),
  end: structure({ flags: 4, reserved: 4, session: 8 }),
  status: structure({
    ...{ flags: 4, state: 4, session: 8, pid: 4, supervisor: 4 },
    ...{ refused_in: 8, refused_out: 8, dropped: 8, alarms: 8 },
  }),
  record: structure({
    ...{ sequence: 8, time_ns: 8, session: 8, lost: 8 },
    ...{ kind: 4, operation: 4, detail: 4, actor_uid: 4 },
    ...{ actor_pid: 4, actor_tid: 4, target_pid: 4, target_tid: 4 },
    ...{ actor_name: 16, target_name: 16 },
  }),
} as const;

/** What is refused across the barrier, in the order of the header's numbers. */
export const OPERATIONS = [
  'signal',
  'trace',
  'limit',
  'schedule',
  'namespace',
  'procfs',
  'mount',
  'root',
  'node',
  'handle',
  'module',
  'bpf',
  'perf',
  'claim',
] as const;

/** One of {@link OPERATIONS}; `unknown` for what a later module refuses. */
export type RefusedOperation = (typeof OPERATIONS)[number] | 'unknown';

/** What a record tells, in the order of the header's numbers. */
const RECORD_KINDS = [
  'refused-in',
  'refused-out',
  'fork',
  'exec',
  'exit',
  'alarm',
  'ended',
  'claimed',
] as const;

const STATES = ['held', 'orphaned', 'over'] as const;

/** What the module is. */
export interface ModuleVersion {
  /** Its DESKPOD_ABI. */
  readonly interfaceVersion: number;
  readonly recordBytes: number;
}

/** How a session fares under the module. */
export interface ModuleSession {
  /** Its id, never given to another until the module is unloaded. */
  readonly session: number;
  /** `held` by a supervisor, `orphaned` and waiting to be claimed, or `over`: all its processes have ended. */
  readonly state: (typeof STATES)[number] | 'unknown';
  /** Its first process; 0 if it has ended. */
  readonly pid: number;
  /** Its supervisor's process; 0 if there is none. */
  readonly supervisorPid: number;
}

/** One thing that the module noted. */
export interface ModuleRecord {
  /** Counts the session's records from 1, those without room included. */
  readonly sequence: number;
  /** By the host's clock. */
  readonly atMs: number;
  readonly session: number;
  /** How many records right before this one had no room. */
  readonly lostCount: number;
  /** `unknown` for what a later module tells. */
  readonly kind: (typeof RECORD_KINDS)[number] | 'unknown';
  /** What was refused; it means nothing in other kinds. */
  readonly operation: RefusedOperation;
  readonly actorUid: number;
  readonly actorPid: number;
  /** As the process calls itself: anybody's text. */
  readonly actorName: string;
  /** 0 if there is none. */
  readonly targetPid: number;
  readonly targetName: string;
}

type StructureName = keyof typeof STRUCTURES;

/** An empty structure, for the module to fill in. */
export function emptyStructure(name: StructureName): Uint8Array {
  return new Uint8Array(STRUCTURES[name].sizeBytes);
}

/** @throws DeskPodError TIER_UNAVAILABLE for bytes of another length; so do all that decode here */
export function decodeVersion(bytes: Uint8Array): ModuleVersion {
  const read = reading('version', bytes);
  return { interfaceVersion: read.u32('abi'), recordBytes: read.u32('record_bytes') };
}

/** To put the session of a first process under protection; records of refusals alone are wanted. */
export function encodeRegister(pid: number, token: Uint8Array): Uint8Array {
  return writing('register').s32('pid', pid).bytes('token', token).finish();
}

/** To take over a session whose supervisor is gone. */
export function encodeClaim(session: number, token: Uint8Array): Uint8Array {
  return writing('claim').u64('session', session).bytes('token', token).finish();
}

/** To end all processes of a session. */
export function encodeEnd(session: number): Uint8Array {
  return writing('end').u64('session', session).finish();
}

/** To ask for the session with the smallest id from this one on. */
export function encodeStatus(from: number): Uint8Array {
  return writing('status').u64('session', from).finish();
}

export function decodeStatus(bytes: Uint8Array): ModuleSession {
  const read = reading('status', bytes);
  return {
    session: read.u64('session'),
    state: STATES[read.u32('state')] ?? 'unknown',
    pid: read.s32('pid'),
    supervisorPid: read.s32('supervisor'),
  };
}

/** What one read gave: whole records. @throws DeskPodError TIER_UNAVAILABLE for a part of one */
export function decodeRecords(bytes: Uint8Array): ModuleRecord[] {
  const { sizeBytes } = STRUCTURES.record;
  const records: ModuleRecord[] = [];
  for (let start = 0; start < bytes.length; start += sizeBytes)
    records.push(decodeRecord(bytes.subarray(start, start + sizeBytes)));
  return records;
}

function decodeRecord(bytes: Uint8Array): ModuleRecord {
  const read = reading('record', bytes);
  return {
    sequence: read.u64('sequence'),
    // whole milliseconds: nanoseconds since 1970 are more than a number holds exactly
    atMs: Math.floor(read.u64('time_ns') / 1e6),
    session: read.u64('session'),
    lostCount: read.u64('lost'),
    kind: RECORD_KINDS[read.u32('kind')] ?? 'unknown',
    operation: OPERATIONS[read.u32('operation')] ?? 'unknown',
    actorUid: read.u32('actor_uid'),
    actorPid: read.s32('actor_pid'),
    actorName: read.text('actor_name'),
    targetPid: read.s32('target_pid'),
    targetName: read.text('target_name'),
  };
}

/** Fields one after another: the header leaves no gaps. */
function structure(sizes: Readonly<Record<string, number>>): Structure {
  let offset = 0;
  const fields: Record<string, Field> = {};
  for (const [name, sizeBytes] of Object.entries(sizes)) {
    fields[name] = { offset, sizeBytes };
    offset += sizeBytes;
  }
  return { sizeBytes: offset, fields };
}

function fieldOf(name: StructureName, field: string): Field {
  const found = STRUCTURES[name].fields[field];
  if (found === undefined) throw new TypeError(`${name} has no field ${field}`);
  return found;
}

function reading(name: StructureName, bytes: Uint8Array) {
  const { sizeBytes } = STRUCTURES[name];
  if (bytes.length !== sizeBytes) {
    throw new DeskPodError(
      'TIER_UNAVAILABLE',
      `the kernel module’s ${name}: expected ${sizeBytes} bytes, got ${bytes.length}`,
      {
        hint: 'Load the kernel module of this version of deskpod.',
        details: { name, sizeBytes: bytes.length },
      },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    u32: (field: string): number => view.getUint32(fieldOf(name, field).offset, true),
    s32: (field: string): number => view.getInt32(fieldOf(name, field).offset, true),
    u64: (field: string): number => Number(view.getBigUint64(fieldOf(name, field).offset, true)),
    text: (field: string): string => {
      const { offset, sizeBytes: length } = fieldOf(name, field);
      const whole = bytes.subarray(offset, offset + length);
      const end = whole.indexOf(0);
      return new TextDecoder().decode(end < 0 ? whole : whole.subarray(0, end));
    },
  };
}

function writing(name: StructureName) {
  const bytes = emptyStructure(name);
  const view = new DataView(bytes.buffer);
  const writer = {
    s32: (field: string, value: number) => {
      view.setInt32(fieldOf(name, field).offset, value, true);
      return writer;
    },
    u64: (field: string, value: number) => {
      view.setBigUint64(fieldOf(name, field).offset, BigInt(value), true);
      return writer;
    },
    bytes: (field: string, value: Uint8Array) => {
      const { offset, sizeBytes } = fieldOf(name, field);
      if (value.length !== sizeBytes)
        throw new RangeError(`${field}: expected ${sizeBytes} bytes, got ${value.length}`);
      bytes.set(value, offset);
      return writer;
    },
    finish: () => bytes,
  };
  return writer;
}
