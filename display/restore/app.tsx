// The page as a whole: a heading, what was told, and the question or work that is there now.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { progressText, shareDone } from '../dashboard/work/work-words.ts';
import { QuestionForm } from './question-form.tsx';
import { Sheet } from './sheet.tsx';
import { pace, refusal, rest, type Scene, scene, sheet, told, wish } from './wizard.ts';

/** Everything in the page. */
export function App(): JSX.Element {
  const now = scene.value;
  return (
    <main class={now.state === 'question' && hasPictures(now) ? 'wide' : ''} data-state={now.state}>
      <h1>Restore a pod</h1>
      {told.value.length === 0 ? null : (
        <ul class="told" aria-live="polite">
          {told.value.map((text, place) => (
            <li key={place}>{text}</li>
          ))}
        </ul>
      )}
      {sheet.value === undefined ? null : <Sheet sheet={sheet.value} />}
      {refusal.value === undefined ? null : <p role="alert">{refusal.value}</p>}
      <Now scene={now} />
    </main>
  );
}

function hasPictures(now: Scene): boolean {
  if (now.state !== 'question' || now.question.kind !== 'choice') return false;
  return now.question.options.some(({ picture }) => picture !== undefined);
}

function Now({ scene: now }: { readonly scene: Scene }): JSX.Element {
  switch (now.state) {
    case 'question':
      return (
        <>
          <QuestionForm key={now.number} line={now} />
          <Rest />
        </>
      );
    case 'working': {
      const { progress } = now;
      const share = progress === undefined ? undefined : shareDone(progress);
      return (
        <section class="work">
          <p role="status">{progress === undefined ? 'One moment…' : progressText(progress, pace.value)}</p>
          <progress aria-label="How far it is" {...(share === undefined ? {} : { value: share })} />
        </section>
      );
    }
    case 'open':
      return <Opened url={now.url} />;
    case 'done':
      return (
        <End heading="The pod is back">
          {now.kind === 'desktop'
            ? `Go on with it: deskpod start ${now.target}`
            : `Its files are in ${now.target}.`}
        </End>
      );
    case 'failed':
      return <Failed fault={now.fault} />;
    default:
      return (
        <End heading="This page is at its end">
          DeskPod does not wait for it any more. What had come to the device stays there: deskpod restore
          --web goes on.
        </End>
      );
  }
}

/** What goes on meanwhile: nobody has to wait for it. */
function Rest(): JSX.Element | null {
  const progress = rest.value;
  if (progress === undefined) return null;
  const share = shareDone(progress);
  return (
    <section class="work rest" aria-label="Meanwhile">
      <p class="faint">Meanwhile: {progress.step}</p>
      <progress aria-label="How far that is" {...(share === undefined ? {} : { value: share })} />
    </section>
  );
}

/** Leads on by itself, unless there is a key to be written down first. */
function Opened({ url }: { readonly url: string }): JSX.Element {
  const go = (): void => location.replace(url);
  useEffect(() => {
    if (sheet.value === undefined) go();
  }, []);
  return (
    <End heading="The desktop is there">
      <button type="button" class="first" onClick={go}>
        Go to the desktop
      </button>
    </End>
  );
}

function Failed({
  fault,
}: {
  readonly fault: { readonly message: string; readonly hint?: string };
}): JSX.Element {
  return (
    <End heading="It did not come to its end" isAlert>
      <span>{fault.message}</span>
      {fault.hint === undefined ? null : <span class="faint">{fault.hint}</span>}
      <span class="buttons">
        <button type="button" class="first" onClick={() => void wish('again')}>
          Begin again
        </button>
        <button type="button" onClick={() => void wish('cancel')}>
          Stop
        </button>
      </span>
    </End>
  );
}

interface EndProps {
  readonly heading: string;
  readonly isAlert?: boolean;
  readonly children: JSX.Element | JSX.Element[] | string | readonly (JSX.Element | null)[];
}

function End({ heading, isAlert = false, children }: EndProps): JSX.Element {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <section class="end" {...(isAlert ? { role: 'alert' } : {})}>
      <h2 ref={title} tabIndex={-1}>
        {heading}
      </h2>
      <div class="end-text">{children}</div>
    </section>
  );
}
