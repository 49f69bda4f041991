// The bytes of the kernel module's interface: what is written is read back, and what a read gives is told or refused whole.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isDeskPodError } from '../../src/core/errors.ts';
import {
  decodeRecords,
  decodeStatus,
  decodeVersion,
  encodeClaim,
  encodeEnd,
  encodeRegister,
  encodeStatus,
  OPERATIONS,
  STRUCTURES,
} from '../../src/core/kmod-interface.ts';

const { sizeBytes: RECORD_BYTES, fields } = STRUCTURES.record;
const KINDS = ['refused-in', 'refused-out', 'fork', 'exec', 'exit', 'alarm', 'ended', 'claimed'];
const KNOWN_KIND = fc.integer({ min: 0, max: KINDS.length - 1 });
const LATER_KIND = fc.integer({ min: KINDS.length, max: 0xffff_ffff });
const u32 = fc.nat({ max: 0xffff_ffff });
const s32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const token = fc.uint8Array({ minLength: 32, maxLength: 32 });
const session = fc.nat({ max: Number.MAX_SAFE_INTEGER });

/** A record as the module writes it. */
const records = fc.array(
  fc.record({
    ...{ sequence: session, timeMs: fc.nat({ max: 4e12 }), session, lost: session },
    ...{ kind: fc.oneof(KNOWN_KIND, LATER_KIND), operation: fc.oneof(fc.nat({ max: 13 }), u32) },
    ...{ uid: u32, pid: s32, target: s32, name: fc.uint8Array({ maxLength: 15 }) },
  }),
  { maxLength: 20 },
);
type Written = typeof records extends fc.Arbitrary<infer List> ? List : never;

function bytesOf(written: Written): Uint8Array {
  const bytes = new Uint8Array(written.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, each] of written.entries()) {
    const at = (name: string): number => index * RECORD_BYTES + (fields[name]?.offset ?? Number.NaN);
    view.setBigUint64(at('sequence'), BigInt(each.sequence), true);
    view.setBigUint64(at('time_ns'), BigInt(each.timeMs) * 1_000_000n, true);
    view.setBigUint64(at('session'), BigInt(each.session), true);
    view.setBigUint64(at('lost'), BigInt(each.lost), true);
    view.setUint32(at('kind'), each.kind, true);
    view.setUint32(at('operation'), each.operation, true);
    view.setUint32(at('actor_uid'), each.uid, true);
    view.setInt32(at('actor_pid'), each.pid, true);
    view.setInt32(at('target_pid'), each.target, true);
    bytes.set(each.name, at('actor_name'));
  }
  return bytes;
}

describe('records of the kernel module', () => {
  it('are read as they were written, those of kinds that a later module has as unknown', () => {
    fc.assert(
      fc.property(records, (written) => {
        const read = decodeRecords(bytesOf(written));
        assert.equal(read.length, written.length);
        for (const [index, each] of written.entries()) {
          const found = read[index];
          assert.equal(found?.kind, KINDS[each.kind] ?? 'unknown');
          assert.equal(found?.operation, OPERATIONS[each.operation] ?? 'unknown');
          assert.equal(found?.sequence, each.sequence);
          assert.ok(Math.abs(found.atMs - each.timeMs) <= 1);
          assert.equal(found?.lostCount, each.lost);
          assert.equal(found?.actorUid, each.uid);
          assert.equal(found?.actorPid, each.pid);
          assert.equal(found?.targetPid, each.target);
        }
      }),
    );
  });

  it('have names that end with their first zero, whatever bytes a program has called itself', () => {
    fc.assert(
      fc.property(records, (written) => {
        for (const { actorName } of decodeRecords(bytesOf(written))) assert.doesNotMatch(actorName, /\0/);
      }),
    );
    const [named] = decodeRecords(
      bytesOf([
        {
          ...{
            sequence: 1,
            timeMs: 1,
            session: 1,
            lost: 0,
            kind: 0,
            operation: 0,
            uid: 0,
            pid: 5,
            target: 6,
          },
          name: Uint8Array.from(Buffer.from('kill')),
        },
      ]),
    );
    assert.equal(named?.actorName, 'kill');
    assert.equal(named?.targetName, '');
  });

  it('are refused at every length that is no number of whole ones', () => {
    const whole = bytesOf(
      fc.sample(records, { numRuns: 50, seed: 1 }).find(({ length }) => length >= 3) ?? [],
    );
    for (let length = 0; length <= whole.length; length += 1) {
      const part = whole.subarray(0, length);
      if (length % RECORD_BYTES === 0) assert.equal(decodeRecords(part).length, length / RECORD_BYTES);
      else assert.throws(() => decodeRecords(part), isUnavailable);
    }
  });
});

describe('requests to the kernel module', () => {
  it('have what must be zero at zero, and carry session, process and token', () => {
    fc.assert(
      fc.property(s32, session, token, (pid, id, secret) => {
        const register = Buffer.from(encodeRegister(pid, secret));
        assert.equal(register.readUInt32LE(0), 0);
        assert.equal(register.readInt32LE(4), pid);
        assert.deepEqual(register.subarray(8, 24), Buffer.alloc(16));
        assert.deepEqual(register.subarray(24), Buffer.from(secret));
        const claim = Buffer.from(encodeClaim(id, secret));
        assert.deepEqual(claim.subarray(0, 8), Buffer.alloc(8));
        assert.equal(claim.readBigUInt64LE(8), BigInt(id));
        assert.deepEqual(claim.subarray(16), Buffer.from(secret));
        assert.equal(Buffer.from(encodeEnd(id)).readBigUInt64LE(8), BigInt(id));
        assert.equal(decodeStatus(encodeStatus(id)).session, id);
      }),
    );
  });

  it('take tokens of 32 bytes only', () => {
    for (const length of [0, 31, 33])
      assert.throws(() => encodeClaim(1, new Uint8Array(length)), /expected 32 bytes/);
  });
});

describe('answers of the kernel module', () => {
  it('tell its interface, and how a session fares', () => {
    const version = new Uint8Array([1, 0, 0, 0, 96, 0, 0, 0, 0xff, 0x3f, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual(decodeVersion(version), { interfaceVersion: 1, recordBytes: 96 });
    const status = Buffer.alloc(STRUCTURES.status.sizeBytes);
    status.writeUInt32LE(1, 4);
    status.writeBigUInt64LE(7n, 8);
    status.writeInt32LE(4711, 16);
    assert.deepEqual(decodeStatus(status), { session: 7, state: 'orphaned', pid: 4711, supervisorPid: 0 });
    status.writeUInt32LE(9, 4);
    assert.equal(decodeStatus(status).state, 'unknown');
  });

  it('are refused at every other length', () => {
    for (let length = 0; length < 2 * STRUCTURES.status.sizeBytes; length += 1) {
      if (length !== STRUCTURES.version.sizeBytes)
        assert.throws(() => decodeVersion(new Uint8Array(length)), isUnavailable);
      if (length !== STRUCTURES.status.sizeBytes)
        assert.throws(() => decodeStatus(new Uint8Array(length)), isUnavailable);
    }
  });
});

function isUnavailable(error: unknown): boolean {
  return isDeskPodError(error, 'TIER_UNAVAILABLE');
}
