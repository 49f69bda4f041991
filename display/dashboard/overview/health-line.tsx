// The health of a pod: one word, the worst that is known of it in a sentence, and the next step.
import type { JSX } from 'preact';
import type { Finding } from '../../../src/core/health.ts';
import type { PodOverview } from '../../../src/session/dashboard/contract.ts';
import { countOf } from '../figures.ts';
import { Icon, type IconName } from '../parts/icons.tsx';
import { HEALTH_NAMES } from './pod-words.ts';

const SIGNS: Readonly<Record<Finding['severity'], IconName>> = {
  bad: 'bad',
  attention: 'attention',
  note: 'unknown',
};

/** Without findings it says that all is well. */
export function HealthLine({ pod }: { readonly pod: PodOverview }): JSX.Element {
  const { word, findings } = pod.health;
  const [worst, ...others] = findings;
  return (
    <div class="health">
      <Icon name={word} class={`mark mark-${word}`} />
      <div>
        <p>
          <strong>{HEALTH_NAMES[word]}.</strong>{' '}
          {worst?.text ?? (word === 'good' ? 'Nothing is to be done.' : '')}
        </p>
        {worst === undefined ? null : <p class="faint">{worst.next}</p>}
        {others.length === 0 ? null : (
          <details>
            <summary>{countOf(others.length, 'more to know', 'more to know')}</summary>
            <ul class="findings">
              {others.map((finding) => (
                <li key={finding.text}>
                  <Icon name={SIGNS[finding.severity]} class={`mark mark-${finding.severity}`} />
                  <span>
                    {finding.text} <span class="faint">{finding.next}</span>
                  </span>
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </div>
  );
}
