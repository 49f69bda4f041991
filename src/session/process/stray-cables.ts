// Cables of sessions that are gone: a pasta whose supervisor was killed before it knew its pid.
import { readdir, readFile } from 'node:fs/promises';
import { endProcess, identifyProcess } from '../host/process-identity.ts';

/** Ends every pasta that was started with a pid file in `runDir`. Only for when no session of that folder runs. */
export async function endStrayCables(runDir: string): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const identity = identifyProcess(Number(name));
    if (identity === undefined) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes(`\0--pid\0${runDir}/pasta-`)) await endProcess(identity);
  }
}
