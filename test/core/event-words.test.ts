// Every event is told in words: one sentence that a person understands, whatever stands in the event.
import assert from 'node:assert/strict';
import { explainEvent } from '../../src/core/event-words.ts';
import type { PodEvent } from '../../src/core/events.ts';
import { EVENTS } from './support/sample-events.ts';

/** A sample with a word in the place of each text that is empty. */
function filled(event: PodEvent): PodEvent {
  return JSON.parse(JSON.stringify(event).replaceAll('""', '"WORD"').replaceAll('[]', '["one"]')) as PodEvent;
}

const wordsOf = (event: PodEvent): string => explainEvent(event).text;

describe('the words of an event', () => {
  it('are one whole sentence for each type, and another one than for any other', () => {
    const sentences = Object.values(EVENTS).map((event) => wordsOf(filled(event)));
    for (const sentence of sentences) {
      assert.match(sentence, /^\S.*[^.]\.$/);
      assert.doesNotMatch(sentence, /undefined|NaN|\[object|\n/);
    }
    assert.equal(new Set(sentences).size, sentences.length);
  });

  it('are there for what a later version writes, too', () => {
    const event = { ...EVENTS['pod.created'], type: 'pod.painted' } as unknown as PodEvent;
    assert.match(wordsOf(event), /no words for: pod\.painted\.$/);
  });

  it('ask for a look at what may be a loss, and only then', () => {
    const warnings = Object.values(EVENTS)
      .filter((event) => explainEvent(event).weight === 'warning')
      .map(({ type }) => type);
    assert.deepEqual(warnings.sort(), [
      'barrier.gap',
      'checkpoint.doubted',
      'device.forked',
      'device.moved',
      'home.branched',
      'home.reverted',
      'reserve.short',
      'session.lost',
    ]);
    const damaged = { ...EVENTS['verify.completed'], damagedCount: 3, healedCount: 1 };
    assert.equal(explainEvent(damaged).weight, 'warning');
    assert.match(wordsOf(damaged), /3 were damaged, and 2 still are\.$/);
    const healed = { ...damaged, healedCount: 3 };
    assert.equal(explainEvent(healed).weight, 'notable');
  });

  it('say what a checkpoint holds, and how much of it is new', () => {
    const stats = { fileCount: 1, fileBytes: 5, imageBytes: 2_500_000, storedBytes: 1_234, pauseMs: 7 };
    const event = { ...EVENTS['checkpoint.sealed'], number: 12, reason: 'suspend' as const, stats };
    assert.equal(
      wordsOf(event),
      'Checkpoint 12 was made at a suspend: 1 file and a session of 2.50 MB, 1.23 kB new.',
    );
    const { images: _, ...files } = event;
    assert.equal(
      wordsOf({ ...files, reason: 'schedule' }),
      'Checkpoint 12 was made on schedule: 1 file, 1.23 kB new.',
    );
  });

  it('tell a doubt that stopped a checkpoint from one that did not', () => {
    const { number: _, ...stopped } = EVENTS['checkpoint.doubted'];
    assert.match(
      wordsOf(stopped),
      /^No checkpoint was made, as it looks like a loss: compared with checkpoint 1, /,
    );
    assert.match(wordsOf(EVENTS['checkpoint.doubted']), /^Checkpoint 2 was made and is in doubt/);
  });

  it('name all limits of a session, or that there are none', () => {
    assert.equal(
      wordsOf(EVENTS['session.limited']),
      'From its next start on, its session uses at most 2.15 GB of memory, 500 processes, the time of 1.5 processors.',
    );
    assert.equal(
      wordsOf({ type: 'session.limited', v: 1 }),
      'From its next start on, its session has no limits.',
    );
  });
});
