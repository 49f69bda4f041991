// The timeline: which checkpoints can be had where, those included that only a home still has; and what a home lacks.
import assert from 'node:assert/strict';
import type { LoggedEvent, PodEvent } from '../../src/core/events.ts';
import { missingAtHome } from '../../src/core/missing-work.ts';
import { fold } from '../../src/core/state.ts';
import { timelineOf } from '../../src/core/timeline.ts';
import { EVENTS } from './support/sample-events.ts';

const HOME_URL = '/home';

function log(events: readonly PodEvent[]): LoggedEvent[] {
  return events.map((event, index) => ({ seq: index + 1, atMs: (index + 1) * 1000, event }));
}

function sealed(number: number, hasSession = false): PodEvent {
  const { images, ...files } = EVENTS['checkpoint.sealed'];
  const stats = { ...files.stats, storedBytes: 100, pauseMs: 1.25 };
  return { ...files, number, stats, ...(hasSession ? { images } : {}) };
}

const acknowledged = (seq: number): PodEvent => ({ ...EVENTS['home.acknowledged'], url: HOME_URL, seq });
const CREATED = EVENTS['pod.created'];
const ADDED: PodEvent = { type: 'home.added', v: 1, url: HOME_URL };
const forgotten = (...numbers: number[]): PodEvent => ({ ...EVENTS['checkpoints.forgotten'], numbers });

describe('the timeline of a pod', () => {
  it('tells what is only here from what is on both', () => {
    const events = log([CREATED, ADDED, sealed(1), acknowledged(3), sealed(2, true)]);
    const { homes, checkpoints } = timelineOf(fold(events), [], []);
    assert.deepEqual(homes, [HOME_URL]);
    assert.deepEqual(
      checkpoints.map(({ number, isHere, homes: at, hasSession, pauseMs }) => [
        number,
        isHere,
        at,
        hasSession,
        pauseMs,
      ]),
      [
        [1, true, [0], false, 1],
        [2, true, [], true, 1],
      ],
    );
  });

  it('has what was forgotten here for as long as a head at home has it', () => {
    // 1 created, 2 home, 3 first, 4 second, 5 acknowledged, 6 third, 7 acknowledged, 8 forgotten
    const events = log([
      ...[CREATED, ADDED, sealed(1), sealed(2), acknowledged(4), sealed(3), acknowledged(6)],
      forgotten(1, 3),
    ]);
    const of = (...seqs: number[]): [number, boolean, readonly number[]][] =>
      timelineOf(fold(events), [{ url: HOME_URL, seqs }], events).checkpoints.map(
        ({ number, isHere, homes }) => [number, isHere, homes],
      );
    assert.deepEqual(of(4, 6, 8), [
      [1, false, [0]],
      [2, true, [0]],
      [3, false, [0]],
    ]);
    assert.deepEqual(of(4), [
      [1, false, [0]],
      [2, true, [0]],
    ]);
    assert.deepEqual(of(8), [[2, true, [0]]]);
  });

  it('marks what looks like a loss until it is accepted', () => {
    const doubted: PodEvent = { ...EVENTS['checkpoint.doubted'], number: 2, against: 1 };
    const events = [CREATED, sealed(1), sealed(2), doubted];
    const isDoubted = (all: readonly PodEvent[]) =>
      timelineOf(fold(log(all)), [], []).checkpoints.map((each) => each.isDoubted);
    assert.deepEqual(isDoubted(events), [false, true]);
    assert.deepEqual(isDoubted([...events, { type: 'checkpoint.accepted', v: 1, number: 2, against: 1 }]), [
      false,
      false,
    ]);
  });

  it('takes less than 250 bytes for a checkpoint', () => {
    const events = log([
      CREATED,
      ADDED,
      ...Array.from({ length: 100 }, (_, index) => sealed(index + 1, true)),
    ]);
    const text = JSON.stringify(timelineOf(fold(events), [], []));
    assert.ok(text.length < 100 * 250, `${text.length} bytes`);
  });
});

describe('what a home lacks of a pod', () => {
  const missing = (events: readonly PodEvent[]) => {
    const state = fold(log(events));
    const [home] = state.homes;
    assert.ok(home !== undefined);
    return missingAtHome(state, home);
  };

  it('is nothing when it has the last checkpoint and nothing runs', () => {
    assert.deepEqual(missing([CREATED, ADDED, sealed(1), acknowledged(3)]), {
      lastCheckpoint: { number: 1, atMs: 3000 },
      missingCheckpoints: 0,
      missingBytes: 0,
      missingWork: undefined,
      missingUse: { days: 0, lastStartMs: 3000 },
    });
  });

  it('is the time from what it has to the last checkpoint, and the bytes between', () => {
    const { missingWork, missingBytes, missingCheckpoints } = missing([
      ...[CREATED, ADDED, sealed(1), acknowledged(3), sealed(2), sealed(3)],
    ]);
    assert.deepEqual(missingWork, { sinceMs: 3000, untilMs: 6000 });
    assert.deepEqual([missingCheckpoints, missingBytes], [2, 200]);
  });

  it('grows while a session runs, also right after a sync', () => {
    const started = EVENTS['session.started'];
    const { missingWork } = missing([CREATED, ADDED, started, sealed(1), acknowledged(4)]);
    assert.deepEqual(missingWork, { sinceMs: 4000, untilMs: undefined });
  });

  it('does not grow while the pod lies in a drawer: a session that goes on has worked since then only', () => {
    const { missingWork } = missing([
      ...[CREATED, ADDED, sealed(1, true), acknowledged(3)],
      { ...EVENTS['session.resumed'], checkpoint: 1 },
    ]);
    assert.deepEqual(missingWork, { sinceMs: 5000, untilMs: undefined });
  });

  it('is everything since the pod was made if it has nothing', () => {
    const { missingWork, lastCheckpoint } = missing([CREATED, ADDED, sealed(1)]);
    assert.deepEqual([missingWork, lastCheckpoint], [{ sinceMs: 1000, untilMs: 3000 }, undefined]);
  });
});
