// ops/bench: chooses what is measured, and where; ends with 1 if something does not hold its budget.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureSync } from './sync.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '5' },
    revisions: { type: 'string', default: '98' },
  },
});
const [runs, revisions] = [Number(values.runs), Number(values.revisions)];
if (positionals[0] !== 'sync' || !(runs >= 1) || !(revisions >= 0)) {
  console.error('usage: ops/bench sync [--json] [--runs COUNT] [--revisions COUNT]');
  process.exit(2);
}
const place = await mkdtemp(join(process.env.TMPDIR ?? '/var/tmp', 'deskpod-bench-'));
try {
  const holds = await measureSync(place, { runs, revisions, isJson: values.json });
  process.exitCode = holds ? 0 : 1;
} finally {
  await rm(place, { recursive: true, force: true });
}
