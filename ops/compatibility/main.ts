// ops/compat: which applications go on after a suspend and a resume; ends with 1 if one does not.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_STATUS } from '../../src/cli/exit-codes.ts';
import { releaseDevice } from '../../src/session/pod/release.ts';
import { haveBase } from '../have-base.ts';
import { Program } from '../user/program.ts';
import { clearAbandoned, makeWorkplace, type Workplace } from '../user/workplace.ts';
import type { Application } from './application.ts';
import { type BaseName, PACKAGES } from './bases.ts';
import { CATALOGUE } from './catalogue.ts';
import { lineOf, markdownOf, type Row, reportOf } from './report.ts';
import { tryApplication } from './trial.ts';

const PASSPHRASE = 'correct horse battery staple';
const FOLDER_PREFIX = 'deskpod-compat-';
/** Sparse: the largest base, the images of the largest application, and room. */
const DEVICE_SIZE = '6G';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const unknown = positionals.filter((name) => CATALOGUE.every((application) => application.name !== name));
if (unknown.length > 0 || (values.json && values.markdown)) {
  if (unknown.length > 0) console.error(`ops/compat: there is no application ${unknown.join(', ')}`);
  console.error('usage: ops/compat [APPLICATION…] [--json|--markdown]; ops/compat --list names them');
  process.exit(EXIT_STATUS.usage);
}
if (values.list) {
  for (const { name, label, base } of CATALOGUE)
    console.log(`${name.padEnd(20)} ${base.padEnd(16)} ${label}`);
  process.exit(EXIT_STATUS.ok);
}

const chosen = CATALOGUE.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new Error(`interrupted by ${signal}`)));
}
const picturesDir = fileURLToPath(new URL('../../out/compat/', import.meta.url));
await rm(picturesDir, { recursive: true, force: true });
await mkdir(picturesDir, { recursive: true });
await clearAbandoned(FOLDER_PREFIX);
const workplace = makeWorkplace(FOLDER_PREFIX);
try {
  const rows = await tryAll(workplace, chosen);
  const report = reportOf(rows);
  if (values.json) console.log(JSON.stringify(report));
  else if (values.markdown) process.stdout.write(markdownOf(report));
  else {
    console.log(`${report.date.slice(0, 10)}, ${report.machine}`);
    for (const row of rows) console.log(lineOf(row));
  }
  process.exitCode = rows.every(({ ok }) => ok) ? EXIT_STATUS.ok : EXIT_STATUS.failed;
} catch (error) {
  if (!interruption.signal.aborted) throw error;
  console.error(`ops/compat: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = EXIT_STATUS.cancelled;
} finally {
  await workplace.clear();
}

/** Tries applications, one base after the other; the rows are in the order of `applications`. */
async function tryAll(place: Workplace, applications: readonly Application[]): Promise<readonly Row[]> {
  const rows = new Map<string, Row>();
  for (const base of new Set(applications.map((application) => application.base))) {
    const ofBase = applications.filter((application) => application.base === base);
    for (const row of await tryBase(place, base, ofBase)) rows.set(row.app, row);
  }
  return applications.flatMap(({ name }) => rows.get(name) ?? []);
}

/** Makes a pod on a base, and tries its applications in it. */
async function tryBase(
  { dir, device }: Workplace,
  base: BaseName,
  applications: readonly Application[],
): Promise<readonly Row[]> {
  const { signal } = interruption;
  const passphraseFile = join(dir, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const program = new Program(passphraseFile, signal);
  const rows: Row[] = [];
  try {
    await haveBase(base, PACKAGES[base]);
    await program.json('create', device, '--size', DEVICE_SIZE, '--base', base, '--no-runtime');
    for (const application of applications) {
      const onStep = (step: string): void => void process.stderr.write(`${application.name}: ${step}\n`);
      const row = await tryApplication({ program, device, picturesDir, signal, onStep }, application);
      process.stderr.write(`${lineOf(row)}\n`);
      rows.push(row);
    }
  } catch (error) {
    signal.throwIfAborted();
    const cause = `the base ${base}: ${error instanceof Error ? error.message : String(error)}`;
    for (const { name: app, label, state } of applications.slice(rows.length)) {
      const nothing = { version: null, pauseMs: null, resumeMs: null, imageBytes: null };
      rows.push({ app, label, state, ok: false, ...nothing, cause });
    }
  } finally {
    await releaseDevice(device);
    await rm(device, { force: true });
  }
  return rows;
}
