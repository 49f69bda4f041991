// The way through a wizard: step after step, back to an earlier question, and again to one whose answer would not do.
import { type DeskPodError, isDeskPodError } from './errors.ts';
import { checkAnswer, type Fault, type PutQuestion, type Question } from './wizard-question.ts';

/** Thrown in the place of an answer by whoever wants to go back to the question before. */
export class GoBack extends Error {
  constructor() {
    super('back to the question before');
    this.name = 'GoBack';
  }
}

/** Puts a question and gives its answer, unchecked. */
export type Put = (question: PutQuestion) => Promise<string>;

/**
 * One step: takes what is known, asks one question at most, and gives what is known then. A DeskPodError that it throws
 * is about the last answer, and that question is put again.
 */
export type Step<Draft> = (draft: Draft, ask: (question: Question) => Promise<string>) => Promise<Draft>;

interface Answered<Draft> {
  readonly at: number;
  /** What was known before. */
  readonly draft: Draft;
}

/**
 * Walks through all steps.
 *
 * @throws what `put` throws, but for GoBack; CANCELLED and ROOT_NEEDED of a step; an error of a step before which nothing was asked
 */
export async function walkSteps<Draft>(
  steps: readonly Step<Draft>[],
  first: Draft,
  put: Put,
): Promise<Draft> {
  const answered: Answered<Draft>[] = [];
  let known = first;
  let fault: Fault | undefined;
  for (let at = 0; at < steps.length; ) {
    let hasAsked = false;
    const ask = async (question: Question): Promise<string> => {
      hasAsked = true;
      const told = fault === undefined ? {} : { fault };
      const answer = await put({ ...question, canGoBack: answered.length > 0, ...told });
      fault = undefined;
      return checkAnswer(question, answer);
    };
    try {
      const draft = await (steps[at] as Step<Draft>)(known, ask);
      if (hasAsked) answered.push({ at, draft: known });
      known = draft;
      at += 1;
    } catch (error) {
      fault = error instanceof GoBack ? undefined : faultOf(error);
      // asked itself, it is asked again; else the question before it is what can be answered otherwise
      if (hasAsked && !(error instanceof GoBack)) continue;
      const former = answered.pop();
      if (former !== undefined) {
        at = former.at;
        known = former.draft;
      } else if (!(error instanceof GoBack)) throw error;
    }
  }
  return known;
}

/** No other answer helps against these. */
const FINAL: ReadonlySet<string> = new Set(['CANCELLED', 'ROOT_NEEDED']);

/** @throws what no other answer would help against */
function faultOf(error: unknown): Fault {
  if (!isDeskPodError(error) || FINAL.has(error.code)) throw error;
  return describeFault(error);
}

/** An error as it is told with a question. */
export function describeFault({ code, message, hint }: DeskPodError): Fault {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}
