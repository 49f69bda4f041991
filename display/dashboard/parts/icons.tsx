// The few signs of the page. None carries a meaning alone: a word always stands beside it, or in the label of what it is in.
import type { JSX } from 'preact';

const PATHS = {
  good: 'M4 8.5 7 11.5 12 5',
  attention: 'M8 4v5M8 11.6v.1',
  bad: 'M5 5l6 6M11 5l-6 6',
  unknown: 'M6 6.2a2 2 0 1 1 2.6 1.9c-.5.2-.6.5-.6 1.1M8 11.6v.1',
  device: 'M5 2.5h6v3H5zM4 5.5h8v8H4zM7 4h.1M9 4h.1',
  home: 'M2.5 8 8 3l5.5 5M4 7v6h8V7M7 13V9.5h2V13',
  desktop: 'M2 3h12v8H2zM6 13.5h4M8 11v2.5',
  folder: 'M2 4h4l1.5 1.5H14V13H2z',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  link: 'M6.5 9.5l3-3M5 8 3.8 9.2a2 2 0 0 0 2.9 2.9L8 11M8 5l1.2-1.2a2 2 0 0 1 2.9 2.9L11 8',
  other: 'M8 3v10M3 8h10',
  lock: 'M4 7h8v6H4zM5.5 7V5a2.5 2.5 0 0 1 5 0v2',
} as const;

/** Which sign. */
export type IconName = keyof typeof PATHS;

/** A sign of the size of the text around it. */
export function Icon({
  name,
  class: className,
}: {
  readonly name: IconName;
  readonly class?: string;
}): JSX.Element {
  return (
    <svg class={`icon ${className ?? ''}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
