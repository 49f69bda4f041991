// The page of the restore wizard without a browser: how long its questions wait for somebody.
import assert from 'node:assert/strict';
import { WizardPage } from '../../src/session/wizard/wizard-page.ts';

const QUESTION = { kind: 'text', id: 'path', title: 'Into which folder?', canGoBack: false } as const;
const NOBODY = { tell: () => undefined, end: async () => undefined };
const DAY_MS = 24 * 3_600_000;

describe('a question of the restore wizard’s page', () => {
  const newPage = (): WizardPage =>
    new WizardPage({
      drawSheet: () => ({ svg: '', rows: [] }),
      readPicture: async () => undefined,
      patience: { firstMs: DAY_MS, awayMs: 20 },
    });

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
