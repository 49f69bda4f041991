// The questions of a wizard as data: a terminal, a page and a test ask the same ones, and every answer is a text.
import { DeskPodError } from './errors.ts';

/** One of several answers. */
export interface Option {
  /** The answer itself. */
  readonly value: string;
  readonly label: string;
  /** What else there is to know of it, in a few words. */
  readonly detail?: string;
  /** A moment that belongs to it, by the clock of the one who reads it. */
  readonly atMs?: number;
  /** Why it cannot be chosen now. */
  readonly refusal?: string;
  /** The checkpoint whose picture shows it. */
  readonly picture?: number;
}

/** Why the former answer would not do, and what was expected. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

interface Asked {
  /** Names the question, always the same: what is asked, not where it stands. */
  readonly id: string;
  readonly title: string;
  /** What there is to know before one answers. */
  readonly text?: string;
}

/** One of these. */
export interface ChoiceQuestion extends Asked {
  readonly kind: 'choice';
  readonly options: readonly Option[];
  /** The value of the one to begin with. */
  readonly initial: string;
}

/** Any text. */
export interface TextQuestion extends Asked {
  readonly kind: 'text';
  /** An answer that may do. */
  readonly initial?: string;
  /** It may have several lines. */
  readonly isLong?: boolean;
}

/** What nobody else is to see. */
export interface SecretQuestion extends Asked {
  readonly kind: 'secret';
  /** It is made now: asked for twice, both must be the same. */
  readonly isNew: boolean;
}

/** A question. */
export type Question = ChoiceQuestion | TextQuestion | SecretQuestion;

/** A question as it is put: whether one may go back to the one before, and what was wrong with the former answer. */
export type PutQuestion = Question & { readonly canGoBack: boolean; readonly fault?: Fault };

/**
 * The answer to a question, as it is taken.
 *
 * @throws DeskPodError USAGE, saying what was expected
 */
export function checkAnswer(question: Question, answer: string): string {
  if (question.kind === 'secret') {
    if (answer !== '') return answer;
    throw expected('some characters, got none', 'Type it, then press Enter.');
  }
  const text = answer.trim();
  if (question.kind === 'text') {
    if (text !== '') return text;
    throw expected('an answer, got none', question.text ?? 'Type it, then press Enter.');
  }
  const chosen = question.options.find(({ value }) => value === text);
  if (chosen === undefined) {
    const values = question.options.map(({ value }) => value).join(', ');
    throw expected(
      `one of ${values}, got ${JSON.stringify(text.slice(0, 80))}`,
      'Choose one that is listed.',
    );
  }
  if (chosen.refusal === undefined) return chosen.value;
  throw new DeskPodError('USAGE', `${chosen.value}: ${chosen.refusal}`, { hint: 'Choose another one.' });
}

function expected(what: string, hint: string): DeskPodError {
  return new DeskPodError('USAGE', `expected ${what}`, { hint });
}
