// What a desktop pod must not leave on its host when no session of it runs.
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, type ProcessIdentity } from '../../src/session/host/process-identity.ts';
import { type Staging, sessionIdOf } from '../../src/session/host/staging.ts';
import { mappingName } from '../../src/session/vault/luks-vault.ts';
import { controlGroupsOf, leftoversIn } from '../session/leftovers.ts';

/** As long as another program's mount namespace may keep a loop device, too. */
const DEADLINE_MS = 30_000;

/** Everything of the pods in `dir`, staged at `stagings`, that is still there after a moment: one line each. */
export async function leftoversOf(
  dir: string,
  stagings: readonly Staging[],
  supervisors: readonly ProcessIdentity[],
): Promise<readonly string[]> {
  const look = async (): Promise<string[]> => {
    const found = [...(await leftoversIn(dir))];
    for (const staging of stagings) {
      found.push(...(await leftoversIn(staging.dir)));
      found.push(...(await controlGroupsOf(sessionIdOf(staging))));
      const mapping = `/dev/mapper/${mappingName(staging.id)}`;
      if (existsSync(mapping)) found.push(`mapping: ${mapping}`);
    }
    found.push(...supervisors.filter(isRunning).map(({ pid }) => `supervisor: ${pid}`));
    return found;
  };
  const deadline = performance.now() + DEADLINE_MS;
  let left = await look();
  while (left.length > 0 && performance.now() < deadline) {
    await delay(50);
    left = await look();
  }
  return left;
}
