// ops/bench: chooses what is measured, and where; ends with 1 if something does not hold its budget.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureSession } from './session.ts';
import { measureSync } from './sync.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string' },
    revisions: { type: 'string', default: '98' },
  },
});
const [what] = positionals;
const runs = Number(values.runs ?? (what === 'session' ? '10' : '5'));
const revisions = Number(values.revisions);
if ((what !== 'sync' && what !== 'session') || !(runs >= 1) || !(revisions >= 0)) {
  console.error('usage: ops/bench sync|session [--json] [--runs COUNT] [--revisions COUNT]');
  process.exit(2);
}
const place = await mkdtemp(join(process.env.TMPDIR ?? '/var/tmp', 'deskpod-bench-'));
try {
  const holds =
    what === 'sync'
      ? await measureSync(place, { runs, revisions, isJson: values.json })
      : await measureSession(place, { runs, isJson: values.json });
  process.exitCode = holds ? 0 : 1;
} finally {
  await rm(place, { recursive: true, force: true });
}
