// How large the desktop is in windows of any size, in a real browser before a real display.

import assert from 'node:assert/strict';
import { until } from './desktop.ts';
import { startViewerLab, type ViewerLab } from './viewer-lab.ts';

/** The display's size in its own pixels, and the picture's width in those of the page. */
interface Sizes {
  readonly width: number;
  readonly height: number;
  readonly shownWidth: number;
}

const SIZES = `(() => {
  const canvas = document.querySelector('canvas');
  return { width: canvas.width, height: canvas.height, shownWidth: Math.round(canvas.getBoundingClientRect().width) };
})()`;

describe('the size of the desktop in the viewer', () => {
  let lab: ViewerLab;

  afterEach(() => lab.stop());

  async function openWith(options = {}): Promise<void> {
    lab = await startViewerLab(options);
    await lab.open();
  }

  function untilSizes(isDone: (sizes: Sizes) => boolean): Promise<Sizes> {
    return until(() => lab.page.evaluate<Sizes>(SIZES), isDone);
  }

  it('stays as it is when the window is another, and the picture is scaled', async () => {
    await openWith();
    // no other size is offered than this screen has
    assert.equal(await lab.page.locator('#size-screen').evaluate((option) => option.hidden), true);
    await lab.page.setViewportSize({ width: 600, height: 400 });
    const { width, height, shownWidth } = await untilSizes((sizes) => sizes.shownWidth <= 600);
    assert.deepEqual([width, height], [1024, 768]);
    assert.ok(shownWidth <= 600 && shownWidth > 300, `${shownWidth} pixels wide`);
  });

  it('follows the window on demand, as wide as several monitors and as narrow as a telephone', async () => {
    await openWith();
    await lab.page.locator('#size').selectOption('window');
    for (const [width, height] of [
      [1100, 700],
      [5120, 1440],
      [390, 800],
    ] as const) {
      await lab.page.setViewportSize({ width, height });
      const sizes = await untilSizes((found) => found.width === width && found.shownWidth === width);
      assert.deepEqual([sizes.width, sizes.shownWidth], [width, width]);
      assert.ok(sizes.height < height && sizes.height > height - 80, `${sizes.height} pixels high`);
    }
    await lab.page.locator('#size').selectOption('kept');
    await lab.page.setViewportSize({ width: 800, height: 600 });
    const kept = await untilSizes((found) => found.shownWidth !== 390);
    assert.equal(kept.width, 390);
  });

  it('has a pixel for each of a dense screen on demand', async () => {
    await openWith({ deviceScaleFactor: 2 });
    await lab.page.locator('#size').selectOption('screen');
    const { width, shownWidth } = await untilSizes((found) => found.width === 2200);
    assert.deepEqual([width, shownWidth], [2200, 1100]);
    assert.deepEqual(lab.complaints, []);
  });

  it('fills the screen, and leaves it again', async () => {
    await openWith();
    const isFull = () => lab.page.evaluate<boolean>('document.fullscreenElement !== null');
    await lab.page.getByRole('button', { name: 'Full screen' }).click();
    assert.equal(await until(isFull, (full) => full), true);
    await lab.page.getByRole('button', { name: 'Leave full screen' }).click({ force: true });
    assert.equal(await until(isFull, (full) => !full), false);
    assert.equal(await lab.page.evaluate<string>('document.activeElement.id'), 'keys-field');
  });
});
