// The page: shows the desktop while it runs, says what happens while it does not.

import { elementOf } from '../shared/element.ts';
import { Clipboard } from './clipboard.ts';
import { DisplayLink } from './display-link.ts';
import { Notice } from './notice.ts';
import type { DisplaySize } from './sized-rfb.ts';
import { Sound } from './sound.ts';
import { type News, StatusChannel } from './status-channel.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

const GONE =
  'DeskPod does not answer on this computer any more. The session may go on: “deskpod view” shows it again.';

const HEADINGS: Readonly<Record<Shown, string>> = {
  running: 'Connecting…',
  suspending: 'Suspending…',
  suspended: 'Safe to unplug',
  resuming: 'Resuming…',
  ended: 'The desktop has ended',
  lost: 'No connection',
  gone: 'No connection',
};

/** What the page shows: what the server tells, that there is no picture for the moment, or that nobody tells anything more. */
type Shown = News['state'] | 'lost' | 'gone';

const card = elementOf('card', HTMLElement);
const cardTitle = elementOf('card-title', HTMLElement);
const cardText = elementOf('card-text', HTMLElement);
const title = elementOf('title', HTMLElement);
const statusLine = elementOf('status', HTMLElement);
const fullScreenButton = elementOf('full-screen-button', HTMLButtonElement);
const suspendButton = elementOf('suspend-button', HTMLButtonElement);
const clipboardButton = elementOf('clipboard-button', HTMLButtonElement);
const clipboardPanel = elementOf('clipboard', HTMLElement);
const clipboardField = elementOf('clipboard-text', HTMLTextAreaElement);
const sizeChoice = elementOf('size', HTMLSelectElement);
const soundButton = elementOf('sound-button', HTMLButtonElement);
const againButton = elementOf('again-button', HTMLButtonElement);

const notice = new Notice();
let status: News = { state: 'running' };
/** What answers at this address now may be another user's program. */
let isGone = false;
let waitMs = FIRST_WAIT_MS;
let timer: ReturnType<typeof setTimeout> | undefined;

const link = new DisplayLink(
  elementOf('desktop', HTMLElement),
  elementOf('keys-field', HTMLTextAreaElement),
  {
    onOpen: () => {
      waitMs = FIRST_WAIT_MS;
      show('running', '', true);
      sound.connect();
    },
    onClose: (reason) => {
      if (isGone) return;
      if (status.state !== 'running') return show(status.state, status.text);
      show('lost', `${sentence(reason)} Trying again…`);
      timer = setTimeout(connect, waitMs);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    },
    onClipboard: (text) => void clipboard.take(text),
  },
);

const clipboard = new Clipboard(clipboardField, (text) => link.giveClipboard(text));

const sound = new Sound({
  onEnd: (reason) => {
    // One that went with the display comes back with it.
    if (!link.isConnected || status.state !== 'running' || isGone) return;
    sound.turnOff();
    soundButton.setAttribute('aria-pressed', 'false');
    statusLine.textContent = sentence(reason || 'the sound broke off');
  },
});

const channel = new StatusChannel({
  onStatus: (news) => {
    status = news;
    document.title = news.title;
    title.textContent = news.title;
    suspendButton.hidden = !news.canSuspend;
    suspendButton.disabled = news.state !== 'running';
    notice.show(news.state === 'running' ? news.notice : undefined);
    if (news.state === 'running') connect();
    else show(news.state, news.text);
  },
  onLost: () => {
    // A suspended session has nobody left who could keep the channel: what was said last stays true.
    if (status.state === 'suspended' || status.state === 'ended') return;
    isGone = true;
    sound.turnOff();
    clearTimeout(timer);
    link.disconnect();
    show('gone', GONE);
  },
});

function connect(): void {
  clearTimeout(timer);
  if (status.state === 'running' && !isGone) link.connect();
}

function show(state: Shown, text: string, hasPicture = false): void {
  document.body.dataset.state = state;
  statusLine.textContent = hasPicture ? 'Running' : HEADINGS[state];
  cardTitle.textContent = HEADINGS[state];
  cardText.textContent = text;
  card.hidden = hasPicture;
  againButton.hidden = state !== 'lost';
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

againButton.addEventListener('click', connect);
suspendButton.addEventListener('click', () => {
  suspendButton.disabled = true;
  channel.suspend();
});

clipboardButton.addEventListener('click', () => {
  clipboardPanel.hidden = !clipboardPanel.hidden;
  clipboardButton.setAttribute('aria-expanded', String(!clipboardPanel.hidden));
  if (clipboardPanel.hidden) link.focus();
  else clipboardField.focus();
});

soundButton.addEventListener('click', () => {
  if (sound.isOn) sound.turnOff();
  else sound.turnOn();
  soundButton.setAttribute('aria-pressed', String(sound.isOn));
  link.focus();
});

fullScreenButton.addEventListener('click', async () => {
  if (document.fullscreenElement === null) {
    await document.documentElement.requestFullscreen();
    await lockKeyboard();
  } else await document.exitFullscreen();
  link.focus();
});
document.addEventListener('fullscreenchange', () => {
  fullScreenButton.textContent = document.fullscreenElement === null ? 'Full screen' : 'Leave full screen';
});

sizeChoice.addEventListener('change', () => {
  link.displaySize = sizeChoice.value as DisplaySize;
  link.focus();
});
// Where the screen has no more pixels than the page knows of, both are the same.
elementOf('size-screen', HTMLOptionElement).hidden = devicePixelRatio <= 1;

/** In full screen, Escape and Alt+Tab are the desktop's, too, where the browser can do that; holding Escape leaves. */
async function lockKeyboard(): Promise<void> {
  const { keyboard } = navigator as Navigator & { keyboard?: { lock(): Promise<void> } };
  await keyboard?.lock().catch(() => undefined);
}

// The desktop takes every key, Tab too: this chord is the way out for those who use no pointer.
addEventListener(
  'keydown',
  (event) => {
    if (!(event.ctrlKey && event.altKey && event.shiftKey && event.code === 'KeyM')) return;
    event.preventDefault();
    event.stopPropagation();
    clipboardButton.focus();
  },
  { capture: true },
);
