// The answers of a choice: a list of rows, or a timeline of tiles where they have pictures.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ChoiceQuestion, Option } from '../../src/core/wizard-question.ts';
import { clockText, dayText, momentText } from '../dashboard/figures.ts';
import { Icon } from '../dashboard/parts/icons.tsx';
import { pictures, wantPicture } from './wizard.ts';

interface ChoicesProps {
  readonly question: ChoiceQuestion;
  readonly value: string;
  readonly onValue: (value: string) => void;
}

/** A group of radio buttons: arrows lead from one to the next. */
export function Choices({ question, value, onValue }: ChoicesProps): JSX.Element {
  const { title, text, options } = question;
  const isTimeline = options.some(({ picture }) => picture !== undefined);
  const described = text === undefined ? {} : { 'aria-describedby': 'question-text' };
  return (
    <fieldset class={isTimeline ? 'tiles' : 'rows'} {...described}>
      <legend class="title">{title}</legend>
      {text === undefined ? null : (
        <p id="question-text" class="faint">
          {text}
        </p>
      )}
      {groupsOf(options, isTimeline).map(({ heading, members }) => (
        <div key={members[0]?.value} class="group">
          {heading === undefined ? null : <h2>{heading}</h2>}
          {members.map((option) => (
            <Choice
              key={option.value}
              option={option}
              isTimeline={isTimeline}
              isChosen={option.value === value}
              onChoose={() => onValue(option.value)}
            />
          ))}
        </div>
      ))}
    </fieldset>
  );
}

interface Group {
  readonly heading: string | undefined;
  readonly members: Option[];
}

/** By days, in the order that they come in. */
function groupsOf(options: readonly Option[], isTimeline: boolean): readonly Group[] {
  if (!isTimeline) return [{ heading: undefined, members: [...options] }];
  const groups: Group[] = [];
  for (const option of options) {
    const heading = option.atMs === undefined ? undefined : dayText(option.atMs, Date.now());
    const last = groups.at(-1);
    if (last !== undefined && last.heading === heading) last.members.push(option);
    else groups.push({ heading, members: [option] });
  }
  return groups;
}

interface ChoiceProps {
  readonly option: Option;
  readonly isTimeline: boolean;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

function Choice({ option, isTimeline, isChosen, onChoose }: ChoiceProps): JSX.Element {
  const { value, label, detail, refusal, atMs, picture } = option;
  const isRefused = refusal !== undefined;
  return (
    <label class={`choice ${isChosen ? 'chosen' : ''} ${isRefused ? 'refused' : ''}`}>
      {isTimeline ? <Picture checkpoint={picture} /> : null}
      <span class="choice-line">
        <input
          type="radio"
          name="answer"
          value={value}
          checked={isChosen}
          disabled={isRefused}
          {...(isChosen ? { 'data-first': true } : {})}
          onChange={onChoose}
        />
        <strong>{isTimeline && atMs !== undefined ? clockText(atMs) : label}</strong>
        {isTimeline ? <span class="faint">{label}</span> : null}
      </span>
      <span class="faint">
        {[isTimeline || atMs === undefined ? undefined : momentText(atMs), detail, refusal]
          .filter((words) => words !== undefined)
          .join(', ')}
      </span>
    </label>
  );
}

/** Asked for once it is in sight; what had no session has none. */
function Picture({ checkpoint }: { readonly checkpoint: number | undefined }): JSX.Element {
  const frame = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (frame.current === null || checkpoint === undefined) return;
    const sight = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      sight.disconnect();
      wantPicture(checkpoint);
    });
    sight.observe(frame.current);
    return () => sight.disconnect();
  }, []);
  const address = checkpoint === undefined ? '' : (pictures.value.get(checkpoint) ?? '');
  return (
    <span ref={frame} class="picture">
      {address === '' ? (
        <Icon name={checkpoint === undefined ? 'folder' : 'desktop'} />
      ) : (
        <img src={address} alt="" />
      )}
    </span>
  );
}
