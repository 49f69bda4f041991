// A wizard's questions at a terminal: the one place that knows the library which draws them.
import { createInterface } from 'node:readline';
import { isCancel, password, select, text as typed } from '@clack/prompts';
import { DeskPodError } from '../core/errors.ts';
import type { ChoiceQuestion, Fault, Option, PutQuestion } from '../core/wizard-question.ts';
import { GoBack } from '../core/wizard-walk.ts';
import { printableBlock, printableLine } from './printable.ts';
import { formatMoment } from './units.ts';

/** No answer of a question: none of them has a control character. */
const BACK = '\u0001back';
/** What is typed to go back, where something is typed. */
const BACK_TYPED = '<';
const output = process.stderr;

/**
 * Puts a question at the terminal.
 *
 * @throws GoBack; DeskPodError CANCELLED on Ctrl-C or Escape
 */
export async function putAtTerminal(question: PutQuestion): Promise<string> {
  if (question.fault !== undefined) tellFault(question.fault);
  const isBackTyped = question.canGoBack && question.kind !== 'choice';
  const back = isBackTyped ? ` Type ${BACK_TYPED} to go back.` : '';
  const text = `${question.text ?? ''}${back}`.trim();
  if (text !== '') output.write(`${printableBlock(text)}\n`);
  const answer = await answerTo(question);
  if (typeof answer === 'symbol') throw stopped();
  if (answer === BACK || (isBackTyped && answer.trim() === BACK_TYPED)) throw new GoBack();
  return answer;
}

function answerTo(question: PutQuestion): Promise<string | symbol> {
  const message = printableLine(question.title);
  if (question.kind === 'choice') return chosen(message, question);
  if (question.kind === 'text') {
    if (question.isLong === true) return typedLines(message);
    const initial = question.initial === undefined ? {} : { initialValue: question.initial };
    return typed({ message, output, ...initial }).then(textOf);
  }
  return question.isNew
    ? typedTwice(message, question.canGoBack)
    : password({ message, output }).then(textOf);
}

async function chosen(message: string, question: ChoiceQuestion & PutQuestion): Promise<string | symbol> {
  const options = question.options.map((option) => ({
    value: option.value,
    label: labelOf(option),
    disabled: option.refusal !== undefined,
    ...hintOf(option),
  }));
  const back = question.canGoBack ? [{ value: BACK, label: 'Back to the question before' }] : [];
  return select({ message, output, options: [...options, ...back], initialValue: question.initial });
}

function labelOf({ label, atMs }: Option): string {
  return printableLine(atMs === undefined ? label : `${formatMoment(atMs)}  ${label}`);
}

function hintOf({ detail, refusal }: Option): { hint?: string } {
  const words = [detail, refusal].filter((word) => word !== undefined).join('; ');
  return words === '' ? {} : { hint: printableLine(words) };
}

/** What the library gives for an empty line is no text. */
function textOf(answer: string | symbol | undefined): string | symbol {
  return answer ?? '';
}

async function typedTwice(message: string, canGoBack: boolean): Promise<string | symbol> {
  for (;;) {
    const first = textOf(await password({ message, output }));
    if (typeof first === 'symbol' || (canGoBack && first.trim() === BACK_TYPED)) return first;
    const second = textOf(await password({ message: 'Again', output }));
    if (isCancel(second) || first === second) return second;
    tellFault({ code: 'USAGE', message: 'the two passphrases differ', hint: 'Type the same one twice.' });
  }
}

/** It is shown while it is typed, as nobody types 58 letters blindly; a scanner types all lines at once. */
async function typedLines(message: string): Promise<string> {
  output.write(`${message}\n`);
  const lines = createInterface({ input: process.stdin, output });
  return new Promise((resolve, reject) => {
    let text = '';
    let isEnded = false;
    lines.on('line', (line) => {
      if (line.trim() !== '' && !(text === '' && line.trim() === BACK_TYPED)) {
        text += `${line}\n`;
        return;
      }
      if (isEnded) return;
      isEnded = true;
      resolve(line.trim() === BACK_TYPED ? BACK_TYPED : text);
      lines.close();
    });
    // Ctrl-C and Ctrl-D close it
    lines.once('close', () => {
      if (!isEnded) reject(stopped());
    });
  });
}

function tellFault({ message, hint }: Fault): void {
  output.write(`\ndeskpod: ${printableBlock(message)}\n`);
  if (hint !== undefined) output.write(`  ${printableBlock(hint)}\n`);
}

function stopped(): DeskPodError {
  return new DeskPodError('CANCELLED', 'stopped at a question; nothing was changed', {
    hint: 'Run deskpod restore again whenever you like.',
  });
}
