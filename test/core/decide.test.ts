// What a pod may be asked in each state, and what its log then says.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Doubt } from '../../src/core/checkpoint-doubt.ts';
import { type Command, decide, findCheckpoint, type SealedContent } from '../../src/core/decide.ts';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { decodeEvent, encodeEvent } from '../../src/core/event-codec.ts';
import type { LoggedEvent } from '../../src/core/events.ts';
import { fold, INITIAL_STATE, latestCheckpoint, type PodState } from '../../src/core/state.ts';

const hash = (digit: string) => digit.repeat(64);
const id = (digit: string) => digit.repeat(32);
const HOST = { kernel: '6.12.0', machine: 'x86_64' };
const PROCESSOR = { machine: 'x86_64', features: ['avx2', 'avx512f', 'sse4_2'] };
const CREATE: Command = {
  type: 'createPod',
  pod: {
    podId: id('a'),
    deviceId: id('1'),
    kind: 'desktop',
    name: 'desk',
    keyring: hash('1'),
    vault: 'fscrypt',
  },
};
const ADD_BASE: Command = { type: 'addBase', name: 'trixie', sha256: hash('b'), sizeBytes: 100 };
const START: Command = { type: 'startSession', host: HOST, processor: PROCESSOR };
const FILES: SealedContent = {
  reason: 'files',
  files: { id: hash('f'), depth: 0, sizeBytes: 10 },
  packs: [hash('0')],
  stats: { fileCount: 1, fileBytes: 1, imageBytes: 0, storedBytes: 1, pauseMs: 0 },
};
const IMAGES: SealedContent = {
  ...FILES,
  reason: 'suspend',
  images: { id: hash('e'), depth: 0, sizeBytes: 10 },
};
const SUSPEND = { type: 'suspendSession', content: IMAGES } as const;
const HOME = '/srv/home';

function given(...commands: Command[]): PodState {
  return run(commands).state;
}

function run(commands: Command[]): { state: PodState; log: LoggedEvent[] } {
  const log: LoggedEvent[] = [];
  let state = INITIAL_STATE;
  for (const command of commands) {
    for (const event of decide(state, command)) {
      const logged = { seq: state.seq + 1, atMs: 1000 + state.seq, event };
      log.push(logged);
      state = fold([logged], state);
    }
  }
  return { state, log };
}

function refused(code: ErrorCode, act: () => unknown): void {
  assert.throws(act, (error) => isDeskPodError(error, code));
}

const DOUBT: Doubt = {
  against: 1,
  causes: ['gone'],
  formerCount: 100,
  goneCount: 60,
  noiseCount: 0,
  examples: ['a'],
};
const DOUBTED = { ...DOUBT, isAccepted: false };
const SEAL = { type: 'sealCheckpoint', content: FILES } as const;
const RESUME = (checkpoint: number): Command => ({
  type: 'resumeSession',
  checkpoint,
  host: HOST,
  processor: PROCESSOR,
  resumeMs: 1,
});

describe('a doubt about a checkpoint', () => {
  const suspended = [CREATE, ADD_BASE, START, SUSPEND, RESUME(1), { ...SUSPEND, doubt: DOUBTED }] as const;

  it('is logged once while it lasts, and again with another cause', () => {
    const { log, state } = run([
      CREATE,
      SEAL,
      { type: 'doubtCheckpoint', doubt: DOUBT },
      { type: 'doubtCheckpoint', doubt: { ...DOUBT, goneCount: 70 } },
      { type: 'doubtCheckpoint', doubt: { ...DOUBT, causes: ['gone', 'noise'] } },
    ]);
    assert.deepEqual(
      log.map(({ event }) => event.type),
      ['pod.created', 'checkpoint.sealed', 'checkpoint.doubted', 'checkpoint.doubted'],
    );
    assert.equal(state.doubt?.number, undefined);
    assert.equal(state.reference, 1);
  });

  it('is answered by the next checkpoint that has none', () => {
    const state = given(CREATE, SEAL, { type: 'doubtCheckpoint', doubt: DOUBT }, SEAL);
    assert.deepEqual([state.doubt, state.reference, state.doubted], [undefined, 2, []]);
  });

  it('stays with the session that was suspended so, and with what it is resumed from', () => {
    const before = given(...suspended);
    assert.equal(before.doubt?.number, 2);
    assert.deepEqual([before.reference, before.doubted], [1, [{ number: 2, against: 1 }]]);
    const resumed = given(...suspended, RESUME(2));
    assert.deepEqual([resumed.doubt, resumed.reference], [before.doubt, 1]);
  });

  it('is answered by going back, and the checkpoint stays doubted', () => {
    const state = given(...suspended, RESUME(1));
    assert.deepEqual([state.doubt, state.reference, state.doubted.length], [undefined, 1, 1]);
    const later = given(...suspended, RESUME(1), SEAL, { type: 'stopSession' }, RESUME(2));
    assert.deepEqual([later.doubt, later.reference], [undefined, 1]);
  });

  it('is over for all that were compared with the same once a person accepts one', () => {
    const state = given(...suspended, { ...SEAL, doubt: { ...DOUBT, isAccepted: true } });
    assert.deepEqual([state.doubt, state.reference, state.doubted], [undefined, 3, []]);
  });

  it('keeps what it was compared with from being forgotten', () => {
    const state = given(...suspended, RESUME(2), { ...SEAL, doubt: DOUBTED });
    assert.throws(() => decide(state, { type: 'forgetCheckpoints', numbers: [1], policy: '' }), TypeError);
  });

  it('goes with the log from home to a new device', () => {
    const restore = { url: HOME, deviceId: id('2'), vault: 'fscrypt' as const };
    const doubted = given(...suspended, { type: 'completeRestore', restore: { ...restore, checkpoint: 2 } });
    assert.deepEqual([doubted.doubt?.number, doubted.reference], [2, 1]);
    const good = given(...suspended, { type: 'completeRestore', restore: { ...restore, checkpoint: 1 } });
    assert.deepEqual([good.doubt, good.reference], [undefined, 1]);
  });
});

describe('mounts in a tree', () => {
  it('are logged with the checkpoint that finds others', () => {
    const sealWith = (...mounts: string[]): Command => ({ ...SEAL, mounts });
    const { log, state } = run([CREATE, sealWith(), sealWith('a'), sealWith('a'), sealWith()]);
    assert.deepEqual(
      log.flatMap(({ event }) => (event.type === 'mounts.changed' ? [event.paths] : [])),
      [['a'], []],
    );
    assert.deepEqual(state.mounts, []);
  });
});

describe('a decision', () => {
  it('makes a pod once', () => {
    assert.equal(given(CREATE).podId, id('a'));
    refused('POD_EXISTS', () => decide(given(CREATE), CREATE));
  });

  it('asks for a pod before anything else', () => {
    refused('POD_NOT_FOUND', () => decide(INITIAL_STATE, START));
  });

  it('refuses a second start, and a start without a base', () => {
    refused('BASE_NOT_FOUND', () => decide(given(CREATE), START));
    refused('SESSION_ALREADY_RUNNING', () => decide(given(CREATE, ADD_BASE, START), START));
  });

  it('refuses to suspend, stop or lose a session that is not running', () => {
    const idle = given(CREATE, ADD_BASE);
    refused('SESSION_NOT_RUNNING', () => decide(idle, SUSPEND));
    refused('SESSION_NOT_RUNNING', () => decide(idle, { type: 'stopSession' }));
    refused('SESSION_NOT_RUNNING', () => decide(idle, { type: 'loseSession', cause: 'unplugged' }));
  });

  it('seals a checkpoint and suspends in one step, and resumes from it', () => {
    const suspended = given(CREATE, ADD_BASE, START, SUSPEND);
    assert.deepEqual(suspended.session, { status: 'suspended', checkpoint: 1 });
    const resumed = fold(
      decide(suspended, {
        type: 'resumeSession',
        checkpoint: 1,
        host: HOST,
        processor: PROCESSOR,
        resumeMs: 1,
      }).map((event, index) => ({
        seq: suspended.seq + 1 + index,
        atMs: 5,
        event,
      })),
      suspended,
    );
    assert.equal(resumed.session.status, 'running');
  });

  it('resumes no checkpoint that is not there, nor one without processes', () => {
    const state = given(CREATE, ADD_BASE, { type: 'sealCheckpoint', content: FILES });
    const resume = (checkpoint: number): Command => ({
      type: 'resumeSession',
      checkpoint,
      host: HOST,
      processor: PROCESSOR,
      resumeMs: 1,
    });
    refused('CHECKPOINT_NOT_FOUND', () => decide(state, resume(1)));
    refused('CHECKPOINT_NOT_FOUND', () => decide(state, resume(7)));
    assert.equal(findCheckpoint(state, 1).files.id, hash('f'));
  });

  it('knows a home once, and takes an acknowledgement only from a known one', () => {
    const state = given(CREATE, { type: 'addHome', url: HOME });
    refused('HOME_ALREADY_KNOWN', () => decide(state, { type: 'addHome', url: HOME }));
    refused('HOME_UNKNOWN', () => decide(state, { type: 'removeHome', url: '/other' }));
    const acknowledge: Command = {
      type: 'acknowledgeHome',
      url: HOME,
      seq: 2,
      recordHash: 'r2',
      sentBytes: 9,
    };
    refused('HOME_UNKNOWN', () => decide(given(CREATE), acknowledge));
    const acknowledged = given(CREATE, { type: 'addHome', url: HOME }, acknowledge);
    assert.equal(acknowledged.homes[0]?.seq, 2);
    assert.deepEqual(
      given(CREATE, { type: 'addHome', url: HOME }, { type: 'removeHome', url: HOME }).homes,
      [],
    );
  });

  it('opens a new epoch on a new device when a restore completes, with the session of its checkpoint', () => {
    const state = given(CREATE, ADD_BASE, START, SUSPEND, {
      type: 'completeRestore',
      restore: { url: HOME, deviceId: id('2'), checkpoint: 1, vault: 'luks' },
    });
    assert.equal(state.epoch, 2);
    assert.equal(state.deviceId, id('2'));
    assert.equal(state.vault, 'luks');
    assert.deepEqual(state.session, { status: 'suspended', checkpoint: 1 });
  });

  it('knows the runtime that was put on the device last, until it is taken away or another device begins', () => {
    const put = (digit: string): Command => ({
      type: 'putRuntime',
      runtime: { sha256: hash(digit), entrySha256: hash('2'), sizeBytes: 9 },
    });
    assert.equal(given(CREATE).runtime, undefined);
    const carrying = [CREATE, ADD_BASE, put('1'), put('3')];
    assert.deepEqual(given(...carrying).runtime, { sha256: hash('3'), entrySha256: hash('2'), sizeBytes: 9 });
    assert.equal(given(...carrying, { type: 'removeRuntime' }).runtime, undefined);
    assert.deepEqual(decide(given(CREATE), { type: 'removeRuntime' }), []);
    const restore = { url: HOME, deviceId: id('2'), checkpoint: 1, vault: 'luks' } as const;
    assert.equal(given(...carrying, START, SUSPEND, { type: 'completeRestore', restore }).runtime, undefined);
  });

  it('remembers a branch at a home through acknowledgements, and that home went back until the next one', () => {
    const branch = { deviceId: id('1'), forkSeq: 1 };
    const acknowledged = {
      type: 'acknowledgeHome',
      url: HOME,
      seq: 2,
      recordHash: hash('2'),
      sentBytes: 0,
    } as const;
    const commands: Command[] = [
      CREATE,
      { type: 'addHome', url: HOME },
      { type: 'branchAtHome', branch: { url: HOME, ...branch } },
      acknowledged,
      { type: 'noteReversion', reversion: { url: HOME, seq: 0, acknowledgedSeq: 2 } },
    ];
    const [reverted] = given(...commands).homes;
    assert.deepEqual([reverted?.branch, reverted?.revertedSeq, reverted?.seq], [branch, 0, 2]);
    const [restored] = given(...commands, acknowledged).homes;
    assert.deepEqual([restored?.branch, restored?.revertedSeq], [branch, undefined]);
    refused('HOME_UNKNOWN', () =>
      decide(given(CREATE), { type: 'branchAtHome', branch: { url: HOME, ...branch } }),
    );
    refused('HOME_UNKNOWN', () =>
      decide(given(CREATE), { type: 'noteReversion', reversion: { url: HOME, seq: 0, acknowledgedSeq: 2 } }),
    );
  });

  it('counts a device as moved until a home takes its history, or it is forked and has another id', () => {
    const moved: Command[] = [
      CREATE,
      { type: 'addHome', url: HOME },
      { type: 'noteMove', place: 'elsewhere' },
    ];
    assert.deepEqual(given(...moved).moved, { atMs: 1002, place: 'elsewhere' });
    const taken = {
      type: 'acknowledgeHome',
      url: HOME,
      seq: 3,
      recordHash: hash('3'),
      sentBytes: 0,
    } as const;
    assert.equal(given(...moved, taken).moved, undefined);
    const forked = given(...moved, { type: 'forkDevice', fork: { deviceId: id('2'), cause: 'asked' } });
    assert.deepEqual(
      [forked.moved, forked.deviceId, forked.epoch, forked.deviceSeq, forked.forkedSeq],
      [undefined, id('2'), 1, 4, 4],
    );
  });

  it('begins a new device in a later epoch with a promotion, for homes that keep it as a branch until they have taken it', () => {
    const branch = { type: 'branchAtHome', branch: { url: HOME, deviceId: id('1'), forkSeq: 1 } } as const;
    const promoteDevice = (epoch: number, url = HOME): Command => ({
      type: 'promoteDevice',
      promotion: { deviceId: id('2'), epoch, urls: [url] },
    });
    const promoted = given(CREATE, { type: 'addHome', url: HOME }, branch, promoteDevice(4));
    assert.deepEqual([promoted.deviceId, promoted.epoch, promoted.deviceSeq], [id('2'), 4, 4]);
    assert.deepEqual([promoted.homes[0]?.branch, promoted.homes[0]?.isClaimed], [undefined, true]);
    const taken = {
      type: 'acknowledgeHome',
      url: HOME,
      seq: 4,
      recordHash: hash('4'),
      sentBytes: 0,
    } as const;
    const after = given(CREATE, { type: 'addHome', url: HOME }, branch, promoteDevice(4), taken);
    assert.equal(after.homes[0]?.isClaimed, undefined);
    assert.throws(() => decide(promoted, promoteDevice(4)), TypeError);
    refused('HOME_UNKNOWN', () => decide(promoted, promoteDevice(5, 'elsewhere')));
  });

  it('numbers checkpoints without a gap over any run of commands, and folds in any two parts to the same state', () => {
    const command: fc.Arbitrary<Command> = fc.constantFrom<Command>(
      CREATE,
      ADD_BASE,
      START,
      SUSPEND,
      { type: 'sealCheckpoint', content: FILES },
      { type: 'stopSession' },
      { type: 'loseSession', cause: 'the drive was pulled' },
      { type: 'addHome', url: HOME },
      { type: 'removeHome', url: HOME },
      { type: 'acknowledgeHome', url: HOME, seq: 1, recordHash: hash('c'), sentBytes: 1 },
      { type: 'branchAtHome', branch: { url: HOME, deviceId: id('1'), forkSeq: 1 } },
      { type: 'noteReversion', reversion: { url: HOME, seq: 0, acknowledgedSeq: 1 } },
      { type: 'noteMove', place: 'elsewhere' },
      { type: 'putRuntime', runtime: { sha256: hash('4'), entrySha256: hash('5'), sizeBytes: 9 } },
      { type: 'removeRuntime' },
      { type: 'forkDevice', fork: { deviceId: id('3'), cause: 'found' } },
      { type: 'recordPackages', packages: ['nano', 'bc'] },
      { type: 'changeKeyring', keyring: hash('2'), generation: 2 },
      { type: 'resumeSession', checkpoint: 1, host: HOST, processor: PROCESSOR, resumeMs: 3 },
      { type: 'completeRestore', restore: { url: HOME, deviceId: id('2'), checkpoint: 1, vault: 'luks' } },
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), fc.nat(), (commands, cut) => {
        let state = INITIAL_STATE;
        const log: LoggedEvent[] = [];
        for (const each of [CREATE, ADD_BASE, ...commands]) {
          let events: ReturnType<typeof decide>;
          try {
            events = decide(state, each);
          } catch (error) {
            assert.ok(isDeskPodError(error), `a refusal is a typed error, not ${String(error)}`);
            continue;
          }
          for (const event of events) {
            const logged = { seq: state.seq + 1, atMs: state.seq, event: decodeEvent(encodeEvent(event)) };
            log.push(logged);
            state = fold([logged], state);
          }
        }
        assert.deepEqual(
          state.checkpoints.map((checkpoint) => checkpoint.number),
          state.checkpoints.map((_, index) => index + 1),
        );
        assert.equal(state.seq, log.length);
        if (state.session.status === 'suspended') {
          assert.ok(findCheckpoint(state, state.session.checkpoint).images);
        }
        const at = cut % (log.length + 1);
        assert.deepEqual(fold(log.slice(at), fold(log.slice(0, at))), fold(log));
      }),
    );
  });

  it('refuses an event of a type or version that it does not know', () => {
    const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    refused('EVENT_UNKNOWN', () => decodeEvent(encode({ type: 'pod.melted', v: 1 })));
    refused('EVENT_UNKNOWN', () => decodeEvent(encode({ type: 'pod.created', v: 2 })));
    refused('EVENT_UNKNOWN', () => decodeEvent(encode(null)));
    refused('RECORD_DAMAGED', () => decodeEvent(new Uint8Array([0xff, 0xfe])));
  });

  it('remembers the newest checkpoint', () => {
    assert.equal(latestCheckpoint(given(CREATE)), undefined);
    assert.equal(latestCheckpoint(given(CREATE, ADD_BASE, START, SUSPEND))?.number, 1);
  });
});
