// The door's page: takes a passphrase, recovery key or passkey, shows how the desktop comes back, and goes on to it.

import type {
  DoorFault,
  DoorLine,
  LockedLine,
  OpeningLine,
  OpenLine,
  UnlockWish,
  Way,
} from '../../src/session/door/door-line.ts';
import { elementOf } from '../shared/element.ts';
import { hearLines, postWish } from '../shared/lines.ts';
import { askPasskey, hasPasskeys } from '../shared/passkey.ts';

const WAYS: Readonly<Record<Way, string>> = {
  fresh: 'Start a fresh desktop, with all files',
  resume: 'Go back to the last checkpoint',
  promote: 'That device is lost: make this one the pod',
};

const title = elementOf('title', HTMLElement);
const text = elementOf('text', HTMLElement);
const picture = elementOf('picture', HTMLImageElement);
const fault = elementOf('fault', HTMLElement);
const faultMessage = elementOf('fault-message', HTMLElement);
const faultHint = elementOf('fault-hint', HTMLElement);
const wayButton = elementOf('way-button', HTMLButtonElement);
const form = elementOf('key-form', HTMLFormElement);
const keyField = elementOf('key', HTMLInputElement);
const keyLabel = elementOf('key-label', HTMLElement);
const byRecovery = elementOf('by-recovery', HTMLInputElement);
const openButton = elementOf('open-button', HTMLButtonElement);
const passkeyButton = elementOf('passkey-button', HTMLButtonElement);
const progress = elementOf('progress', HTMLProgressElement);
const warnings = elementOf('warnings', HTMLUListElement);
const goButton = elementOf('go-button', HTMLButtonElement);

let locked: LockedLine | undefined;
/** The key that was given last: another way to start takes it again. */
let lastKey: UnlockWish['key'] | undefined;
let isDone = false;

function show(state: 'locked' | 'opening' | 'open' | 'lost', heading: string, words: string): void {
  document.body.dataset.state = state;
  title.textContent = heading;
  text.textContent = words;
  form.hidden = state !== 'locked';
  progress.hidden = state !== 'opening';
}

function showLocked(line: LockedLine): void {
  const isNew = locked === undefined;
  locked = line;
  show('locked', 'Your desktop', line.place);
  picture.hidden = true;
  passkeyButton.hidden = line.passkeys.length === 0 || !hasPasskeys();
  showFault(line.fault);
  if (line.fault?.way === undefined) lastKey = undefined;
  setEnabled(line.waitMs === 0);
  if (line.waitMs > 0) setTimeout(() => setEnabled(true), line.waitMs);
  if (isNew && !passkeyButton.hidden) passkeyButton.focus();
  else keyField.focus();
}

function setEnabled(isEnabled: boolean): void {
  for (const button of [openButton, passkeyButton, wayButton]) button.disabled = !isEnabled;
  if (isEnabled && document.body.dataset.state === 'locked') keyField.focus();
}

function showFault(said: DoorFault | undefined): void {
  fault.hidden = said === undefined;
  faultMessage.textContent = said === undefined ? '' : sentence(said.message);
  faultHint.textContent = said?.hint ?? '';
  const way = said?.way;
  wayButton.hidden = way === undefined || lastKey === undefined;
  wayButton.textContent = way === undefined ? '' : WAYS[way];
}

function showOpening({ progress: made }: OpeningLine): void {
  showFault(undefined);
  show('opening', 'Opening…', made === undefined ? 'The key is tried.' : sentence(made.step));
  const { doneBytes, totalBytes } = made ?? {};
  if (doneBytes === undefined || totalBytes === undefined) progress.removeAttribute('value');
  else progress.value = totalBytes === 0 ? 1 : doneBytes / totalBytes;
}

function showOpen({ url, warnings: told }: OpenLine): void {
  isDone = true;
  lastKey = undefined;
  keyField.value = '';
  const go = () => location.replace(url);
  if (told.length === 0) {
    go();
    return;
  }
  show('open', 'The desktop is there', 'There is something to know first.');
  warnings.hidden = false;
  warnings.replaceChildren(...told.map(itemOf));
  goButton.hidden = false;
  goButton.addEventListener('click', go, { once: true });
  goButton.focus();
}

async function unlock(key: UnlockWish['key'], more: readonly Way[] = []): Promise<void> {
  lastKey = key;
  keyField.value = '';
  setEnabled(false);
  const refusal = await postWish('unlock', { key, ways: [...chosenWays(), ...more] } satisfies UnlockWish);
  if (refusal === undefined) return;
  showFault({ code: 'REFUSED', message: refusal });
  setEnabled(true);
}

function chosenWays(): Way[] {
  const chosen = new FormData(form).get('way');
  return chosen === 'fresh' || chosen === 'resume' ? [chosen] : [];
}

function itemOf(words: string): HTMLLIElement {
  const item = document.createElement('li');
  item.textContent = words;
  return item;
}

function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.…!?]$/.test(words) ? '' : '.'}`;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { value } = keyField;
  if (value !== '') void unlock(byRecovery.checked ? { recoveryKey: value } : { passphrase: value });
});
byRecovery.addEventListener('change', () => {
  keyLabel.textContent = byRecovery.checked ? 'Recovery key' : 'Passphrase';
  // nobody types so many letters unseen
  keyField.type = byRecovery.checked ? 'text' : 'password';
  keyField.focus();
});
passkeyButton.addEventListener('click', async () => {
  setEnabled(false);
  try {
    await unlock({ passkey: await askPasskey(locked?.passkeys ?? []) });
  } catch (error) {
    showFault({ code: 'REFUSED', message: error instanceof Error ? error.message : String(error) });
    setEnabled(true);
  }
});
wayButton.addEventListener('click', () => {
  const way = locked?.fault?.way;
  if (lastKey !== undefined && way !== undefined) void unlock(lastKey, [way]);
});

await hearLines<DoorLine>((line) => {
  if (line.state === 'locked') showLocked(line);
  else if (line.state === 'opening') showOpening(line);
  else if (line.state === 'open') showOpen(line);
  else {
    picture.src = `data:image/png;base64,${line.pngBase64}`;
    picture.hidden = false;
  }
});
if (!isDone) {
  showFault(undefined);
  show(
    'lost',
    'This page is at its end',
    'DeskPod does not wait for it any more. Run deskpod view for another.',
  );
}
