// The page that makes a passkey: one button, and what became of it.

import type { AskingLine, MadePasskey, PasskeyLine } from '../../src/session/door/passkey-line.ts';
import { elementOf } from '../shared/element.ts';
import { hearLines, postWish } from '../shared/lines.ts';
import { hasPasskeys, makePasskey } from '../shared/passkey.ts';

const title = elementOf('title', HTMLElement);
const text = elementOf('text', HTMLElement);
const fault = elementOf('fault', HTMLElement);
const faultMessage = elementOf('fault-message', HTMLElement);
const faultHint = elementOf('fault-hint', HTMLElement);
const makeButton = elementOf('make-button', HTMLButtonElement);
const cancelButton = elementOf('cancel-button', HTMLButtonElement);

let asking: AskingLine | undefined;
let isDone = false;

function show(state: PasskeyLine['state'] | 'lost', heading: string, words: string): void {
  document.body.dataset.state = state;
  title.textContent = heading;
  text.textContent = words;
  makeButton.hidden = state !== 'asking';
  cancelButton.hidden = state !== 'asking';
}

function showFault(message: string | undefined, hint = ''): void {
  fault.hidden = message === undefined;
  faultMessage.textContent = message ?? '';
  faultHint.textContent = hint;
}

function showLine(line: PasskeyLine): void {
  isDone = line.state === 'done' || line.state === 'failed';
  switch (line.state) {
    case 'asking':
      asking = line;
      show(
        'asking',
        `A passkey for ${line.podName}`,
        'Your browser asks for a finger, a PIN or a security key. From then on that opens the pod at the page of deskpod view.',
      );
      if (!hasPasskeys()) showFault('This browser knows no passkeys. Open the page in another.');
      makeButton.disabled = !hasPasskeys();
      makeButton.focus();
      return;
    case 'taking':
      show('taking', 'The pod takes it…', 'Do not unplug the device yet.');
      return;
    case 'done':
      show('done', 'Done', `“${line.label}” opens the pod now. This page can be closed.`);
      return;
    case 'failed':
      show(
        'failed',
        'It was not taken',
        'Nothing of the pod has changed. Your browser may still list the passkey.',
      );
      showFault(line.fault.message, line.fault.hint);
      return;
  }
}

async function make(wanted: AskingLine): Promise<void> {
  showFault(undefined);
  makeButton.disabled = true;
  try {
    const made: MadePasskey = await makePasskey(wanted);
    showFault(await postWish('made', made));
  } catch (error) {
    showFault(error instanceof Error ? error.message : String(error));
  }
  makeButton.disabled = false;
}

makeButton.addEventListener('click', () => {
  if (asking !== undefined) void make(asking);
});
cancelButton.addEventListener('click', () => void postWish('cancel', {}));

await hearLines<PasskeyLine>(showLine);
if (!isDone)
  show('lost', 'This page is at its end', 'DeskPod does not wait for it any more. Run the command again.');
