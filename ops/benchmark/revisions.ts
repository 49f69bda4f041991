// What a history costs: the restore of its last checkpoint beside the restore of its first.
import { join } from 'node:path';
import { changeData } from './data.ts';
import type { RunningDesktop } from './processes.ts';
import type { Findings, Limit } from './report.ts';
import type { Tool } from './tools.ts';

/** How often each is restored, by turns. */
const ROUNDS = 3;
const NAME = 'restore of the last of many';
const FIRST = 'its restore of the first';

export const REVISIONS_LIMIT: Limit = { name: NAME, unit: 's', peerName: FIRST, limit: 1.2 };

/** Changes the data in `place` and backs it up, so many times, after whatever backups there are; then restores. */
export async function measureRevisions(
  place: string,
  tool: Tool,
  desktop: RunningDesktop,
  count: number,
  findings: Findings,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    await changeData(join(place, 'data'), desktop);
    await tool.backup();
  }
  for (let round = 1; round <= ROUNDS; round++) {
    const { seconds } = await tool.restore(join(place, `newest-${round}`), 'newest');
    findings.note(NAME, tool.name, seconds);
    const first = await tool.restore(join(place, `first-${round}`), 'first');
    findings.note(NAME, FIRST, first.seconds);
  }
}
