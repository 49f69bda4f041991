// How full a place is, as a small bar with its words.
import type { JSX } from 'preact';
import type { Space } from '../../../src/session/dashboard/contract.ts';
import { sizeText } from '../figures.ts';

/** From here on a place is called nearly full: as the judgement of health does. */
const FULL_SHARE = 0.9;

/** `label` says which place it is. */
export function SpaceBar({ label, space }: { readonly label: string; readonly space: Space }): JSX.Element {
  const { totalBytes, freeBytes } = space;
  const usedBytes = Math.max(0, totalBytes - freeBytes);
  const share = totalBytes === 0 ? 0 : usedBytes / totalBytes;
  return (
    <div class="space">
      <p>
        <span>{label}</span>
        <span class="faint">
          {sizeText(freeBytes)} free of {sizeText(totalBytes)}
        </span>
      </p>
      <div class="bar" aria-hidden="true">
        <div class={share > FULL_SHARE ? 'bar-full' : ''} style={{ width: `${(share * 100).toFixed(1)}%` }} />
      </div>
    </div>
  );
}
