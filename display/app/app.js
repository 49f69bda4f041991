// The page: shows the desktop while it runs, says what happens while it does not.

import { DisplayLink } from '../core/display-link.js';
import { StatusChannel } from '../core/status-channel.js';
import { Clipboard } from './clipboard.js';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

const HEADINGS = {
  running: 'Connecting…',
  suspending: 'Suspending…',
  suspended: 'Safe to unplug',
  resuming: 'Resuming…',
  ended: 'The desktop has ended',
  lost: 'No connection',
};

const byId = (id) => document.getElementById(id);
const [card, fullScreenButton, suspendButton] = ['card', 'full-screen-button', 'suspend-button'].map(byId);
const [clipboardButton, clipboardPanel, againButton] = ['clipboard-button', 'clipboard', 'again-button'].map(
  byId,
);

let status = { state: 'running', text: '' };
let waitMs = FIRST_WAIT_MS;
let timer;

const link = new DisplayLink(byId('desktop'), {
  onOpen: () => {
    waitMs = FIRST_WAIT_MS;
    show('running', status.text, true);
  },
  onClose: (reason) => {
    if (status.state !== 'running') return show(status.state, status.text);
    show('lost', `${sentence(reason)} Trying again…`);
    timer = setTimeout(connect, waitMs);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  },
  onClipboard: (text) => clipboard.take(text),
});

const clipboard = new Clipboard(byId('clipboard-text'), (text) => link.giveClipboard(text));

const channel = new StatusChannel({
  onStatus: (news) => {
    status = news;
    document.title = news.title;
    byId('title').textContent = news.title;
    suspendButton.hidden = !news.canSuspend;
    suspendButton.disabled = news.state !== 'running';
    if (news.state === 'running') connect();
    else show(news.state, news.text);
  },
  onLost: () => {
    // A suspended session has nobody left who could keep the channel: what was said last stays true.
    if (status.state === 'suspended' || status.state === 'ended') return false;
    if (!link.isConnected) show('lost', 'DeskPod does not answer on this computer. Trying again…');
    return true;
  },
});

function connect() {
  clearTimeout(timer);
  if (status.state === 'running') link.connect();
}

function show(state, text, hasPicture = false) {
  document.body.dataset.state = state;
  byId('status').textContent = hasPicture ? 'Running' : HEADINGS[state];
  byId('card-title').textContent = HEADINGS[state];
  byId('card-text').textContent = text;
  card.hidden = hasPicture;
  againButton.hidden = state !== 'lost';
}

function sentence(text) {
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
  else byId('clipboard-text').focus();
});

fullScreenButton.addEventListener('click', async () => {
  if (document.fullscreenElement === null) await document.documentElement.requestFullscreen();
  else await document.exitFullscreen();
  link.focus();
});
document.addEventListener('fullscreenchange', () => {
  fullScreenButton.textContent = document.fullscreenElement === null ? 'Full screen' : 'Leave full screen';
});

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
