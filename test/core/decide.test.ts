// What a pod may be asked in each state, and what its log then says.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Command, decide, findCheckpoint, type SealedContent } from '../../src/core/decide.ts';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import { decodeEvent, encodeEvent, type LoggedEvent } from '../../src/core/events.ts';
import { fold, INITIAL_STATE, latestCheckpoint, type PodState } from '../../src/core/state.ts';

const hash = (digit: string) => digit.repeat(64);
const id = (digit: string) => digit.repeat(32);
const HOST = { kernel: '6.12.0', machine: 'x86_64' };
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
const START: Command = { type: 'startSession', host: HOST };
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
const SUSPEND: Command = { type: 'suspendSession', content: IMAGES };
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
      decide(suspended, { type: 'resumeSession', checkpoint: 1, host: HOST, resumeMs: 1 }).map(
        (event, index) => ({
          seq: suspended.seq + 1 + index,
          atMs: 5,
          event,
        }),
      ),
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
      { type: 'recordPackages', packages: ['nano', 'bc'] },
      { type: 'changeKeyring', keyring: hash('2'), generation: 2 },
      { type: 'resumeSession', checkpoint: 1, host: HOST, resumeMs: 3 },
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
