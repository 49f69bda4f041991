// Follows what can be seen of a long list in the part of the page that scrolls.
import type { RefObject } from 'preact';
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RowPlaces, RowWindow } from './row-window.ts';

/** Rows beyond the edges are there already when one scrolls to them. */
const SPARE_PX = 400;
/** What scrolls: the whole page below its bar. */
const SCROLLER = 'main';

/** The rows to be shown, and how to get one into sight. */
export interface VisibleRows extends RowWindow {
  /** The first row that can be seen. */
  readonly top: number;
  readonly scrollToRow: (index: number, where: 'nearest' | 'start') => void;
}

/** `list` is the element that all rows lie in. */
export function useVisibleRows(list: RefObject<HTMLElement | null>, places: RowPlaces): VisibleRows {
  const look = (): RowWindow & { readonly top: number } => {
    const scroller = list.current?.closest(SCROLLER);
    if (list.current === null || scroller === undefined || scroller === null)
      return { ...places.windowOf(0, 800, SPARE_PX), top: 0 };
    const fromPx = scroller.getBoundingClientRect().top - list.current.getBoundingClientRect().top;
    return {
      ...places.windowOf(fromPx, fromPx + scroller.clientHeight, SPARE_PX),
      top: places.rowAt(Math.max(0, fromPx + stickyHeight(scroller)) + 1),
    };
  };
  const [seen, setSeen] = useState({ places, window: look() });
  const refresh = useRef<() => void>(() => undefined);
  useLayoutEffect(() => {
    const scroller = list.current?.closest(SCROLLER);
    if (scroller === undefined || scroller === null) return;
    const update = (): void => {
      const window = look();
      setSeen((former) =>
        former.places === places && isSameWindow(former.window, window) ? former : { places, window },
      );
    };
    refresh.current = update;
    update();
    scroller.addEventListener('scroll', update, { passive: true });
    const sizes = new ResizeObserver(update);
    sizes.observe(scroller);
    // what is above the list may grow and push it down
    for (const child of scroller.children) sizes.observe(child);
    return () => {
      scroller.removeEventListener('scroll', update);
      sizes.disconnect();
    };
  }, [places]);
  const scrollToRow = useCallback<VisibleRows['scrollToRow']>(
    (index, where) => {
      const scroller = list.current?.closest(SCROLLER);
      if (list.current === null || scroller === undefined || scroller === null) return;
      const box = scroller.getBoundingClientRect();
      const listTop = list.current.getBoundingClientRect().top - box.top + scroller.scrollTop;
      const stuck = stickyHeight(scroller);
      const top = listTop + places.topOf(index);
      const bottom = listTop + places.topOf(index + 1);
      if (where === 'start' || top < scroller.scrollTop + stuck) scroller.scrollTo({ top: top - stuck });
      else if (bottom > scroller.scrollTop + scroller.clientHeight)
        scroller.scrollTo({ top: bottom - scroller.clientHeight });
      // the next key may come before the browser tells of this
      refresh.current();
    },
    [places],
  );
  const window = seen.places === places ? seen.window : look();
  return { ...window, scrollToRow };
}

/** What stays at the top of the page while it scrolls hides what is below. */
function stickyHeight(scroller: Element): number {
  return scroller.querySelector('.stuck')?.getBoundingClientRect().height ?? 0;
}

function isSameWindow(
  one: RowWindow & { readonly top: number },
  other: RowWindow & { readonly top: number },
): boolean {
  return (
    one.first === other.first &&
    one.last === other.last &&
    one.top === other.top &&
    one.beforePx === other.beforePx &&
    one.afterPx === other.afterPx
  );
}
