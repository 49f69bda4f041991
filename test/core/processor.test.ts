// Processors: what a session may use of one, and on which others it can go on.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decide } from '../../src/core/decide.ts';
import type { PodEvent } from '../../src/core/events.ts';
import {
  bothOf,
  hiddenOf,
  lackingOf,
  PROCESSOR_LEVELS,
  type Processor,
  type ProcessorLevel,
  usableOf,
} from '../../src/core/processor.ts';
import { fold, INITIAL_STATE, type PodState } from '../../src/core/state.ts';
import { EVENTS } from './support/sample-events.ts';

const NEHALEM = 'cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3 xsave';
const HASWELL = `${NEHALEM} abm aes avx avx2 bmi1 bmi2 f16c fma fsgsbase movbe pclmulqdq rdrand xsaveopt`;
const SERVER = `${HASWELL} adx avx512f avx512vl gfni rdseed sha_ni vaes xsavec`;

function x86(features: string): Processor {
  return { machine: 'x86_64', features: features.split(' ').sort() };
}

describe('a session that is kept to a level', () => {
  it('uses what the level has, and goes on wherever that is', () => {
    assert.deepEqual(usableOf(x86(SERVER), 'x86-64-v2'), x86(NEHALEM));
    assert.deepEqual(lackingOf(usableOf(x86(SERVER), 'x86-64-v2'), x86(NEHALEM)), []);
    assert.deepEqual(lackingOf(usableOf(x86(SERVER), 'x86-64-v3'), x86(HASWELL)), []);
    assert.deepEqual(lackingOf(usableOf(x86(HASWELL), 'x86-64-v3'), x86(NEHALEM)).slice(0, 4), [
      'abm',
      'aes',
      'avx',
      'avx2',
    ]);
  });

  it('is kept from all the rest that programs know', () => {
    assert.deepEqual(hiddenOf(x86(`${NEHALEM} avx2 sha_ni vmx`), 'x86-64-v2'), ['avx2', 'sha_ni']);
  });
});

describe('a session of any other pod', () => {
  it('uses everything but the widest registers', () => {
    const used = usableOf(x86(`${SERVER} amx_tile`), undefined);
    assert.deepEqual(lackingOf(x86(SERVER), used), ['avx512f', 'avx512vl']);
    assert.deepEqual(hiddenOf(x86(`${SERVER} amx_tile`), undefined), ['amx_tile', 'avx512f', 'avx512vl']);
  });

  it('goes on on no other architecture', () => {
    assert.deepEqual(lackingOf(x86(NEHALEM), { machine: 'aarch64', features: ['asimd'] }), ['x86_64']);
  });
});

describe('what a session needs', () => {
  const state = (level?: ProcessorLevel): PodState =>
    run(INITIAL_STATE, [
      EVENTS['pod.created'],
      EVENTS['base.added'],
      ...(level === undefined ? [] : [{ ...EVENTS['processor.limited'], level }]),
    ]);
  const host = { kernel: '', machine: 'x86_64' };

  it('is of its checkpoint, and grows by every host that it goes on on', () => {
    const started = run(state(), decide(state(), { type: 'startSession', host, processor: x86(HASWELL) }));
    const sealed = run(started, [EVENTS['checkpoint.sealed'], EVENTS['session.suspended']]);
    assert.deepEqual(sealed.checkpoints[0]?.processor, x86(HASWELL));
    const elsewhere = x86(`${HASWELL} sha_ni`);
    const resume = { type: 'resumeSession', checkpoint: 1, host, processor: elsewhere, resumeMs: 1 } as const;
    const resumed = run(sealed, decide(sealed, resume));
    assert.deepEqual(resumed.processor, elsewhere);
    assert.deepEqual(resumed.checkpoints[0]?.processor, x86(HASWELL));
  });

  it('is that of the checkpoint that is gone back to, not of what ran in between', () => {
    const first = run(state(), decide(state(), { type: 'startSession', host, processor: x86(NEHALEM) }));
    const sealed = run(first, [EVENTS['checkpoint.sealed'], EVENTS['session.stopped']]);
    const second = run(sealed, decide(sealed, { type: 'startSession', host, processor: x86(HASWELL) }));
    const stopped = run(second, [EVENTS['session.stopped']]);
    const resume = {
      type: 'resumeSession',
      checkpoint: 1,
      host,
      processor: x86(NEHALEM),
      resumeMs: 1,
    } as const;
    assert.deepEqual(run(stopped, decide(stopped, resume)).processor, x86(NEHALEM));
  });

  it('is no more than the level of the pod', () => {
    const limited = state('x86-64-v2');
    const started = run(limited, decide(limited, { type: 'startSession', host, processor: x86(SERVER) }));
    assert.deepEqual(started.processor, x86(NEHALEM));
  });

  it('is there on the host itself, whatever that has', () => {
    const features = fc.subarray(`${SERVER} vmx pti`.split(' '));
    const level = fc.constantFrom(undefined, ...PROCESSOR_LEVELS);
    fc.assert(
      fc.property(features, level, (some, kept) => {
        const processor = { machine: 'x86_64', features: some };
        const used = usableOf(processor, kept);
        assert.deepEqual(lackingOf(used, processor), []);
        assert.deepEqual(lackingOf(bothOf(used, usableOf(processor, kept)), processor), []);
        assert.ok(hiddenOf(processor, kept).every((feature) => !used.features.includes(feature)));
      }),
    );
  });
});

function run(state: PodState, events: readonly PodEvent[]): PodState {
  return fold(
    events.map((event, i) => ({ seq: state.seq + 1 + i, atMs: 1, event })),
    state,
  );
}
