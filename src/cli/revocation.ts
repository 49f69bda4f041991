// What taking a key away does, and what it cannot do.
import type { KeyChangeReport } from '../sync/pod/change-keys.ts';

/** Sentences for whoever took a key away; none if none was. */
export function revocationOf({
  removed,
  homesBehind,
}: Pick<KeyChangeReport, 'removed' | 'homesBehind'>): string[] {
  if (removed.length === 0) return [];
  const homes =
    homesBehind.length === 0
      ? []
      : [`The former keyring is at home until the next deskpod sync: ${homesBehind.join(', ')}.`];
  return [
    ...homes,
    'The secrets of the pod stay the same: with a copy of the former keyring, made before now, the removed key still ' +
      'opens everything, also what is added later. If somebody may have both, move your files to a new pod.',
  ];
}
