// What keeps sessions and this computer apart, what is in the way of more, and the next step to it.
import type { JSX } from 'preact';
import { TIER_NAMES } from '../../../src/core/barrier-tier.ts';
import type { TierReport } from '../../../src/session/dashboard/contract.ts';

/** The tier in force on this computer. */
export function BarrierOfHost({ barrier }: { readonly barrier: TierReport }): JSX.Element {
  const { tier, missing, cure } = barrier;
  return (
    <section aria-labelledby="barrier-title">
      <h2 id="barrier-title">Barrier</h2>
      <p>
        Sessions on this computer are kept apart from it by <strong>{TIER_NAMES[tier]}</strong>
        {missing === undefined ? '.' : `: ${missing}.`}
      </p>
      {cure === undefined ? null : (
        <p class="faint">
          To have the kernel module, too: <code>{cure}</code>
        </p>
      )}
    </section>
  );
}
