// ops/bench: chooses what is measured, and where; ends with 1 if something does not hold its budget.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureDisplay } from './display/display.ts';
import { measureEncodings } from './display/encodings.ts';
import { measureKmod } from './kmod.ts';
import { measureOverhead } from './overhead.ts';
import { measureScale } from './scale.ts';
import { measureSession } from './session.ts';
import { measureSync } from './sync.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string' },
    revisions: { type: 'string', default: '98' },
    files: { type: 'string', default: '1000000' },
    seconds: { type: 'string' },
  },
});
const [what] = positionals;
const RUNS: Readonly<Record<string, string>> = {
  session: '10',
  overhead: '15',
  display: '4',
  encodings: '3',
};
const runs = Number(values.runs ?? RUNS[what ?? ''] ?? '5');
const [revisions, files] = [Number(values.revisions), Number(values.files)];
const seconds = Number(values.seconds ?? (what === 'encodings' ? '8' : '20'));
const MEASURES: Readonly<Record<string, (place: string, isJson: boolean) => Promise<boolean>>> = {
  sync: (place, isJson) => measureSync(place, { runs, revisions, isJson }),
  session: (place, isJson) => measureSession(place, { runs, isJson }),
  overhead: (place, isJson) => measureOverhead(place, { runs, isJson }),
  display: (place, isJson) => measureDisplay(place, { runs, seconds, isJson }),
  encodings: (place, isJson) => measureEncodings(place, { runs, seconds, isJson }),
  kmod: (place, isJson) => measureKmod(place, { runs, isJson }),
  scale: (place, isJson) => measureScale(place, { files, revisions, isJson }),
};
const measure = Object.hasOwn(MEASURES, what ?? '') ? MEASURES[what ?? ''] : undefined;
if (measure === undefined || !(runs >= 1) || !(revisions >= 0) || !(files >= 1) || !(seconds >= 5)) {
  console.error(
    'usage: ops/bench sync|session|overhead|display|encodings|kmod|scale [--json] [--runs COUNT] [--revisions COUNT] [--files COUNT] [--seconds COUNT]',
  );
  process.exit(2);
}
const place = await mkdtemp(join(process.env.TMPDIR ?? '/var/tmp', 'deskpod-bench-'));
try {
  process.exitCode = (await measure(place, values.json)) ? 0 : 1;
} finally {
  await rm(place, { recursive: true, force: true });
}
