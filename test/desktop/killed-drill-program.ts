// Usage: killed-drill-program.ts HOME SCRATCH PASSPHRASE. Drills a desktop, and is killed as soon as its session has gone on.
import { readFileSync } from 'node:fs';
import { runDrill } from '../../src/session/drill/run-drill.ts';
import { listStagings } from '../../src/session/host/staging.ts';

const [from = '', scratchDir = '', passphrase = ''] = process.argv.slice(2);

await runDrill({
  ...{ from, scratchDir, resumes: true, credential: { passphrase } },
  onProgress: ({ step }) => {
    if (step.startsWith('resuming')) setInterval(() => void dieBesideSession(), 5);
  },
});

async function dieBesideSession(): Promise<void> {
  for (const { privateDir } of await listStagings())
    if (noteIn(privateDir).includes(scratchDir)) process.kill(process.pid, 'SIGKILL');
}

/** What the host knows of a session that runs; nothing while there is none. */
function noteIn(privateDir: string): string {
  try {
    return readFileSync(`${privateDir}/session.json`, 'utf8');
  } catch {
    return '';
  }
}
