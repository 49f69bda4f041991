// One question as a form: choices, a text, or a secret; with what was wrong before, and the way back.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PutQuestion } from '../../src/core/wizard-question.ts';
import type { QuestionLine } from '../../src/session/wizard/wizard-line.ts';
import { Choices } from './choices.tsx';
import { answer, goBack } from './wizard.ts';

/** A question that waits. */
export function QuestionForm({ line }: { readonly line: QuestionLine }): JSX.Element {
  const { number, question } = line;
  const [value, setValue] = useState('initial' in question ? (question.initial ?? '') : '');
  const [again, setAgain] = useState('');
  const [fault, setFault] = useState(question.fault);
  const [isSent, setSent] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>('[data-first]:not(:disabled)')?.focus();
  }, []);
  const isNew = question.kind === 'secret' && question.isNew;
  const send = (event: Event): void => {
    event.preventDefault();
    if (isNew && value !== again) {
      setFault({ code: 'USAGE', message: 'The two passphrases differ.', hint: 'Type the same one twice.' });
      return;
    }
    setSent(true);
    void answer(number, value).then(() => setSent(false));
  };
  return (
    <form ref={form} class="question" data-question={question.id} onSubmit={send} autocomplete="off">
      {fault === undefined ? null : (
        <div class="fault" role="alert">
          <p>{fault.message}</p>
          {fault.hint === undefined ? null : <p class="faint">{fault.hint}</p>}
        </div>
      )}
      <Field question={question} value={value} onValue={setValue} again={again} onAgain={setAgain} />
      <div class="buttons">
        {question.canGoBack ? (
          <button type="button" disabled={isSent} onClick={() => void goBack(number)}>
            Back
          </button>
        ) : null}
        <button class="first" type="submit" disabled={isSent}>
          {question.id === 'erase' ? 'Erase it and go on' : 'Go on'}
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  readonly question: PutQuestion;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly again: string;
  readonly onAgain: (value: string) => void;
}

function Field({ question, value, onValue, again, onAgain }: FieldProps): JSX.Element {
  if (question.kind === 'choice') return <Choices question={question} value={value} onValue={onValue} />;
  const described = question.text === undefined ? {} : { 'aria-describedby': 'question-text' };
  const common = {
    ...({ id: 'field', spellcheck: false, autocapitalize: 'off', 'data-first': true } as const),
    ...{ value, ...described },
    onInput: (event: { currentTarget: { value: string } }) => onValue(event.currentTarget.value),
  };
  return (
    <>
      <label class="title" for="field">
        {question.title}
      </label>
      {question.text === undefined ? null : (
        <p id="question-text" class="faint">
          {question.text}
        </p>
      )}
      {question.kind === 'text' && question.isLong === true ? (
        <textarea {...common} rows={6} />
      ) : question.kind === 'secret' ? (
        <input {...common} type="password" autocomplete="off" />
      ) : (
        <input {...common} type="text" autocomplete="off" />
      )}
      {question.kind === 'secret' && question.isNew ? (
        <>
          <label for="again">Again</label>
          <input
            id="again"
            type="password"
            autocomplete="off"
            value={again}
            onInput={(event) => onAgain(event.currentTarget.value)}
          />
        </>
      ) : null}
    </>
  );
}
