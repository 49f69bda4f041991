// The way through a wizard's questions: answers that will not do, the way back, and what another step finds wrong.
import assert from 'node:assert/strict';
import { DeskPodError } from '../../src/core/errors.ts';
import { checkAnswer, type PutQuestion, type Question } from '../../src/core/wizard-question.ts';
import { GoBack, type Step, walkSteps } from '../../src/core/wizard-walk.ts';

type Draft = Readonly<Record<string, string>>;

const COLOURS: Question = {
  ...({ kind: 'choice', id: 'colour', title: 'Which colour?', initial: 'red' } as const),
  options: [
    { value: 'red', label: 'Red' },
    { value: 'blue', label: 'Blue', refusal: 'there is none left' },
  ],
};

function text(id: string): Question {
  return { kind: 'text', id, title: `Which ${id}?` };
}

function asking(question: Question): Step<Draft> {
  return async (draft, ask) => ({ ...draft, [question.id]: await ask(question) });
}

/** Answers in their order; `<` goes back. What was put is kept. */
function answering(...answers: readonly string[]): {
  put: (question: PutQuestion) => Promise<string>;
  seen: PutQuestion[];
} {
  const seen: PutQuestion[] = [];
  return {
    seen,
    put: async (question) => {
      const answer = answers[seen.length];
      seen.push(question);
      if (answer === undefined) assert.fail(`nobody answers ${question.id}`);
      if (answer === '<') throw new GoBack();
      return answer;
    },
  };
}

function idsOf(seen: readonly PutQuestion[]): string[] {
  return seen.map(({ id }) => id);
}

describe('a wizard', () => {
  it('asks again where an answer would not do, and says what was expected', async () => {
    const { put, seen } = answering('green', 'blue', ' red ', '', 'large');
    const known = await walkSteps([asking(COLOURS), asking(text('size'))], {}, put);
    assert.deepEqual(known, { colour: 'red', size: 'large' });
    assert.deepEqual(idsOf(seen), ['colour', 'colour', 'colour', 'size', 'size']);
    const faults = seen.map(({ fault }) => fault?.message);
    assert.deepEqual(faults, [
      undefined,
      'expected one of red, blue, got "green"',
      'blue: there is none left',
      undefined,
      'expected an answer, got none',
    ]);
  });

  it('goes back to the question before, over steps that asked nothing, and knows again what was known then', async () => {
    const silent: Step<Draft> = async (draft) => ({ ...draft, silent: `after ${draft.colour}` });
    const { put, seen } = answering('red', 'small', '<', '<', 'red', 'large', 'steel');
    const steps = [asking(COLOURS), silent, asking(text('size')), asking(text('material'))];
    const known = await walkSteps(steps, {}, put);
    assert.deepEqual(known, { colour: 'red', silent: 'after red', size: 'large', material: 'steel' });
    assert.deepEqual(idsOf(seen), ['colour', 'size', 'material', 'size', 'colour', 'size', 'material']);
    assert.deepEqual(
      seen.map(({ canGoBack }) => canGoBack),
      [false, true, true, true, false, true, true],
    );
    assert.ok(seen.every(({ fault }) => fault === undefined));
  });

  it('puts the last question again if a step that asks nothing fails, and ends with that if nothing was asked', async () => {
    const failing = new DeskPodError('HOME_UNREACHABLE', 'nobody answers', { hint: 'Wait.' });
    const reach: Step<Draft> = async (draft) => {
      if (draft.address !== 'right') throw failing;
      return draft;
    };
    const { put, seen } = answering('wrong', 'right');
    await walkSteps([asking(text('address')), reach], {}, put);
    assert.deepEqual(seen[1]?.fault, { code: 'HOME_UNREACHABLE', message: 'nobody answers', hint: 'Wait.' });
    await assert.rejects(walkSteps([reach], {}, put), failing);
  });

  it('ends where it is stopped', async () => {
    const cancelled = new DeskPodError('CANCELLED', 'stopped');
    const put = (): Promise<string> => Promise.reject(cancelled);
    await assert.rejects(walkSteps([asking(COLOURS)], {}, put), cancelled);
  });

  it('takes a secret as it is, and any other answer without the spaces around it', () => {
    const secret: Question = { kind: 'secret', id: 'key', title: 'The key', isNew: false };
    assert.equal(checkAnswer(secret, ' x '), ' x ');
    assert.throws(() => checkAnswer(secret, ''), /expected some characters/);
    assert.equal(checkAnswer(text('name'), ' x '), 'x');
  });
});
