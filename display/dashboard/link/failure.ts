// What went wrong with a request, in the words of the one who knows, and with the next step.
import type { WireError } from '../../../src/session/supervisor/wire.ts';

/** A failure that a person is told of. */
export type Failure = Pick<WireError, 'code' | 'message' | 'hint' | 'details'>;

/** What requests throw when the other side says what was wrong. */
export class RequestError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'RequestError';
    this.failure = failure;
  }
}

/** Nobody answers at the page's own address. */
export const NO_ANSWER: Failure = {
  code: 'NO_ANSWER',
  message: 'DeskPod does not answer on this computer',
  hint: 'If its dashboard was ended, start it again with “deskpod dashboard”, and open the link that it prints.',
};

/** The connection by which the page hears what happens is gone: there is no telling who answers now. */
export const LOST: Failure = {
  code: 'LOST',
  message: 'The connection to the dashboard broke off, and this page asks for nothing more',
  hint: 'Start it again with “deskpod dashboard”, and open the link that it prints. Pods go on without it.',
};

/** The cookie is of another run of the dashboard, or there is none. */
export const NOT_LET_IN: Failure = {
  code: 'NOT_LET_IN',
  message: 'This browser is not let in any more',
  hint: 'Open a new link: “deskpod dashboard” prints one.',
};

/** The failure behind whatever a request threw. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof RequestError) return thrown.failure;
  // fetch says no more than this of a connection that did not come about
  if (thrown instanceof TypeError) return NO_ANSWER;
  return { code: 'INTERNAL', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** True for what is thrown since the page itself does not want the answer any more. */
export function isAborted(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError';
}

/** A message as a sentence: errors begin small and end without a stop. */
export function sentenceOf(message: string): string {
  const text = message.trim();
  const first = text.charAt(0);
  // what begins with a path or a name stays as it is
  const begun = /^[a-z]+[ ,]/.test(text) ? `${first.toUpperCase()}${text.slice(1)}` : text;
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
