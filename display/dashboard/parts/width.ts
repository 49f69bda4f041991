// The width of an element, as it changes.
import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

const UNKNOWN_PX = 800;

/** In pixels; a usual one until it is known. */
export function useWidth(element: RefObject<Element | null>): number {
  const [width, setWidth] = useState(UNKNOWN_PX);
  useLayoutEffect(() => {
    if (element.current === null) return;
    const sizes = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.floor(entry.contentRect.width));
    });
    sizes.observe(element.current);
    setWidth(Math.floor(element.current.getBoundingClientRect().width));
    return () => sizes.disconnect();
  }, []);
  return width;
}
