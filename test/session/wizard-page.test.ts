// The page of the restore wizard without a browser: how long its questions wait for somebody.
import assert from 'node:assert/strict';
import { WizardPage } from '../../src/session/wizard/wizard-page.ts';

const QUESTION = { kind: 'text', id: 'path', title: 'Into which folder?', canGoBack: false } as const;
const NOBODY = { tell: () => undefined, end: async () => undefined };
const DAY_MS = 24 * 3_600_000;

const newPage = (awayMs = 20): WizardPage =>
  new WizardPage({
    drawSheet: () => ({ svg: '', rows: ['the key'] }),
    readPicture: async () => undefined,
    patience: { firstMs: DAY_MS, awayMs },
  });

describe('a question of the restore wizard’s page', () => {
  it('waits longer for whoever has not opened the page yet than for who has left it', async () => {
    const [unopened, left] = [newPage(), newPage()];
    let isGivenUp = false;
    const waiting = unopened.put(QUESTION).catch(() => {
      isGivenUp = true;
    });
    left.listen(NOBODY)();
    await assert.rejects(left.put(QUESTION), { code: 'CANCELLED', message: /the page was closed/ });
    assert.equal(isGivenUp, false);
    unopened.wishes.cancel();
    await waiting;
  });
});

describe('the recovery sheet in the restore wizard’s page', () => {
  const sheet = {
    ...{ podName: 'papers', podId: 'ab'.repeat(16), label: 'recovery key', createdAtMs: 0 },
    ...{ recoveryKey: 'AGE-SECRET-KEY-1', homes: [] },
  };

  it('counts as seen when a page says so, be it one that was opened again after it was made', async () => {
    const page = newPage(DAY_MS);
    page.listen(NOBODY)();
    const seen = page.showSheet(sheet);
    const heard: object[] = [];
    page.listen({ ...NOBODY, tell: (line) => void heard.push(line) });
    assert.deepEqual(heard[0], { state: 'sheet', svg: '', rows: ['the key'] });
    page.wishes.seen();
    assert.equal(await seen, true);
  });

  it('counts as unseen if its page was closed and none comes, or the wizard is stopped', async () => {
    const page = newPage();
    page.listen(NOBODY)();
    assert.equal(await page.showSheet(sheet), false);
    const stopped = newPage(DAY_MS);
    const shown = stopped.showSheet(sheet);
    stopped.wishes.cancel();
    assert.equal(await shown, false);
  });
});
