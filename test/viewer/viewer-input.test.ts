// What people type and point with, in a real browser, as it arrives at a real display.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { CDPSession } from 'playwright-core';
import { openTerminal, readWhen, until } from './desktop.ts';
import { mouseRecorder, pressedButtons } from './terminal-mouse.ts';
import { startViewerLab, untilState, type ViewerLab } from './viewer-lab.ts';

/** A key of a keyboard: what it says, and where it is on a keyboard of the US. */
type Key = readonly [key: string, code: string];

/** What keyboards of other countries say, as Chromium tells it on Linux (without modifiers that only change the key). */
const LAYOUTS: Readonly<Record<string, readonly Key[]>> = {
  'a US': [...keysOf("yz;'[]", ['KeyY', 'KeyZ', 'Semicolon', 'Quote', 'BracketLeft', 'BracketRight'])],
  'a German': [
    ...keysOf('zyöäüß#', ['KeyY', 'KeyZ', 'Semicolon', 'Quote', 'BracketLeft', 'Minus', 'Backslash']),
  ],
  'a French': [...keysOf('azéèçàù', ['KeyQ', 'KeyW', 'Digit2', 'Digit7', 'Digit9', 'Digit0', 'Quote'])],
};
const THIRD_LEVEL: readonly Key[] = [
  ['@', 'KeyQ'],
  ['€', 'KeyE'],
  ['{', 'Digit7'],
  ['\\', 'Minus'],
];

function keysOf(text: string, codes: readonly string[]): Key[] {
  return [...text].map((key, index) => [key, codes[index] ?? '']);
}

describe('what is typed in the viewer', () => {
  let lab: ViewerLab;
  let typedPath: string;
  let cdp: CDPSession;
  let lineCount = 0;

  before(async () => {
    lab = await startViewerLab({ hasTouch: true });
    typedPath = join(lab.desktop.folder, 'typed');
    cdp = await lab.browser.newCDPSession(lab.page);
    await openTerminal(lab.desktop, `cat > ${typedPath}`);
    await lab.open();
  });

  after(() => lab.stop());

  async function press(...keys: readonly Key[]): Promise<void> {
    for (const [key, code] of keys) {
      await cdp.send('Input.dispatchKeyEvent', { type: 'keyDown', key, code, text: key });
      await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', key, code });
    }
  }

  /** Ends the line, and says what arrived of it. */
  async function typed(): Promise<string> {
    await lab.page.keyboard.press('Enter');
    lineCount += 1;
    const linesOf = (content: string): string[] => content.split('\n');
    const content = await readWhen(typedPath, (text) => linesOf(text).length > lineCount);
    return linesOf(content)[lineCount - 1] ?? '';
  }

  // Comes first: no key of this display had a sign before.
  it('is what dead keys and input methods compose', async () => {
    for (const [beginning, composed] of [
      ['^', 'ê'],
      ['´', 'á'],
      ['han', '漢'],
    ] as const) {
      const dead = { key: 'Dead', code: 'BracketLeft', windowsVirtualKeyCode: 229 };
      await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...dead });
      const selection = { selectionStart: beginning.length, selectionEnd: beginning.length };
      await cdp.send('Input.imeSetComposition', { text: beginning, ...selection });
      await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...dead });
      await cdp.send('Input.insertText', { text: composed });
      await press(['x', 'KeyX']);
    }
    assert.equal(await typed(), 'êxáx漢x');
  });

  for (const [layout, keys] of Object.entries(LAYOUTS)) {
    it(`is what the keys of ${layout} keyboard say`, async () => {
      await press(...keys);
      assert.equal(await typed(), keys.map(([key]) => key).join(''));
    });
  }

  it('is what a key says together with AltGr', async () => {
    const altGr = { key: 'AltGraph', code: 'AltRight' };
    await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...altGr });
    await press(...THIRD_LEVEL);
    await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...altGr });
    await press(['e', 'KeyE']);
    assert.equal(await typed(), '@€{\\e');
  });

  it('has nothing of a key that was let go of while something was composed', async () => {
    const control = { key: 'Control', code: 'ControlLeft' };
    await cdp.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...control });
    await cdp.send('Input.imeSetComposition', { text: '^', selectionStart: 1, selectionEnd: 1 });
    await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...control });
    await cdp.send('Input.insertText', { text: 'ê' });
    await press(['x', 'KeyX']);
    assert.equal(await typed(), 'êx');
  });

  it('is what a keyboard on the screen writes and deletes', async () => {
    await cdp.send('Input.insertText', { text: 'Grüße' });
    const deletion =
      "new InputEvent('beforeinput', { inputType: 'deleteContentBackward', cancelable: true })";
    await lab.page.evaluate(`document.getElementById('keys-field').dispatchEvent(${deletion})`);
    assert.equal(await typed(), 'Grüß');
  });

  it('comes from two windows to the same desktop, and one that is closed ends nothing', async () => {
    const other = await lab.browser.newPage();
    await other.goto(lab.viewer.issueUrl());
    await untilState(other, 'running');
    await other.keyboard.type('from one ');
    await lab.page.bringToFront();
    await other.close();
    await until(
      async () => lab.viewer.presence.viewerCount,
      (count) => count === 2,
    );
    await lab.page.keyboard.type('and the other');
    assert.equal(await typed(), 'from one and the other');
    assert.deepEqual(lab.events, []);
  });
});

describe('what is pointed at in the viewer', () => {
  let lab: ViewerLab;
  let heardPath: string;

  beforeEach(async () => {
    lab = await startViewerLab({ hasTouch: true });
    heardPath = join(lab.desktop.folder, 'heard');
    await openTerminal(lab.desktop, mouseRecorder(heardPath));
    await lab.open();
  });

  afterEach(() => lab.stop());

  it('is each button and the wheel of a mouse', async () => {
    const { mouse } = lab.page;
    await mouse.move(300, 200);
    for (const button of ['left', 'middle', 'right'] as const) await mouse.click(300, 200, { button });
    await mouse.wheel(0, 120);
    await mouse.wheel(0, -120);
    const heard = await readWhen(heardPath, (content) => pressedButtons(content).length >= 5);
    assert.deepEqual(pressedButtons(heard), [1, 2, 3, 5, 4]);
  });

  it('is a tap of a finger, and of two for the other button', async () => {
    const cdp = await lab.browser.newCDPSession(lab.page);
    const touch = async (...xs: readonly number[]): Promise<void> => {
      const touchPoints = xs.map((x, id) => ({ x, y: 200, id }));
      await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
      await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    };
    await touch(300);
    await readWhen(heardPath, (content) => pressedButtons(content).length >= 1);
    await touch(300, 340);
    const heard = await readWhen(heardPath, (content) => pressedButtons(content).length >= 2);
    assert.deepEqual(pressedButtons(heard), [1, 3]);
    assert.equal(await lab.page.evaluate<string>('document.activeElement.id'), 'keys-field');
  });
});
