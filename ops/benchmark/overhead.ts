// ops/bench overhead: what work costs inside a session, beside the same work in a plain chroot of the same base.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseDevice } from '../../src/session/pod/release.ts';
import { run } from '../../src/sync/process.ts';
import { haveBase } from '../have-base.ts';
import { Program } from '../user/program.ts';
import { type Exec, inRootOf } from './chroot.ts';
import { Findings, type Limit } from './report.ts';

const PASSPHRASE = 'correct horse battery staple';
const BASE = 'overhead';
const BASE_PACKAGES = ['gcc', 'libc6-dev', 'make', 'sqlite3', 'firefox-esr'];
const DEVICE_SIZE = '4G';
const WORK_DIR = '/home/user/work';
const SOURCES = new URL('./work/', import.meta.url).pathname;
const CHROOT = 'chroot';
/** A chroot with the least filter of calls that there can be: what the kernel takes to have one at all. */
const EMPTY_FILTER = 'empty filter';

/** Of a processor: without waiting, and without what else the machine does. */
const PROCESSOR_TIME = ', processor time';

/** Each piece of work, by what `work.sh` calls it. */
const WORK = {
  compile: { name: 'compile a C project', unit: 's', limit: 1.02 },
  pages: { name: 'load pages in Firefox', unit: 's', limit: 1.02 },
  database: { name: 'SQLite', unit: 's', limit: 1.1 },
  files: { name: 'small files', unit: 's', limit: 1.1 },
  file: { name: 'open, fstat, read, close', unit: 'ns', limit: 1.1 },
  call: { name: 'getppid', unit: 'ns', limit: 1.1 },
  switch: { name: 'two context switches', unit: 'ns', limit: 1.1 },
} as const satisfies Readonly<Record<string, Omit<Limit, 'peerName'>>>;

/** How a measurement is made. */
export interface OverheadOptions {
  readonly runs: number;
  readonly isJson: boolean;
}

/**
 * Measures below `place` and prints the rows; returns true if all hold. Both places are layers over the same base in
 * encrypted devices of their own; work is done in one and then the other, and each is first in half of the runs.
 */
export async function measureOverhead(place: string, { runs, isJson }: OverheadOptions): Promise<boolean> {
  await haveBase(BASE, BASE_PACKAGES);
  const findings = new Findings();
  const passphraseFile = join(place, 'passphrase');
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const program = new Program(passphraseFile, new AbortController().signal);
  const [inner, outer] = [join(place, 'inside.img'), join(place, 'outside.img')];
  try {
    for (const device of [inner, outer])
      await program.json('create', device, '--size', DEVICE_SIZE, '--base', BASE, '--no-runtime');
    await program.json('start', inner, '--no-view');
    const inside: Exec = (...argv) => program.exec(inner, ...argv);
    await inRootOf(outer, PASSPHRASE, async ({ exec: outside }) => {
      for (const exec of [inside, outside]) await prepare(exec);
      for (let i = 0; i < runs; i++) {
        await measureOnce(findings, { deskpod: inside, [CHROOT]: outside }, i % 2 === 0);
        process.stderr.write(`${i + 1} of ${runs} runs\n`);
      }
    });
  } finally {
    for (const device of [inner, outer]) {
      await releaseDevice(device);
      await rm(device, { force: true });
    }
  }
  return findings.report(limits(), isJson);
}

/** What a busy machine does to the first rows, the rows of processor time show: they have no limit. */
function limits(): Limit[] {
  const rows: Limit[] = [];
  for (const [word, work] of Object.entries(WORK)) {
    rows.push({ ...work, peerName: CHROOT });
    const { name, unit } = work;
    if (['compile', 'database', 'files'].includes(word))
      rows.push({ name: `${name}${PROCESSOR_TIME}`, unit, peerName: CHROOT });
    if (word === 'call') rows.push({ ...work, peerName: EMPTY_FILTER });
  }
  return rows;
}

async function measureOnce(
  findings: Findings,
  places: Readonly<Record<'deskpod' | typeof CHROOT, Exec>>,
  isInOrder: boolean,
): Promise<void> {
  const entries = Object.entries(places);
  for (const [word, { name }] of Object.entries(WORK)) {
    for (const [tool, exec] of isInOrder ? entries : entries.toReversed()) {
      // what is still to be written of the work before is not this one's
      await run('sync');
      const told = await exec('sh', `${WORK_DIR}/work.sh`, word);
      const [took = Number.NaN, processor] = told.split(' ').map(Number);
      if (!(took > 0)) throw new Error(`${name}: expected how long it took, got ${told}`);
      findings.note(name, tool, took);
      if (processor !== undefined) findings.note(`${name}${PROCESSOR_TIME}`, tool, processor);
    }
  }
  const filtered = Number(await places[CHROOT]('sh', `${WORK_DIR}/work.sh`, 'filtered'));
  findings.note(WORK.call.name, EMPTY_FILTER, filtered);
}

/** Puts the work's sources into the home of a place, and makes of them what is worked on. */
async function prepare(exec: Exec): Promise<void> {
  await exec('mkdir', '-p', WORK_DIR);
  for (const name of await readdir(SOURCES)) {
    const text = await readFile(join(SOURCES, name), 'utf8');
    await exec('sh', '-c', 'printf %s "$1" >"$2"', 'sh', text, `${WORK_DIR}/${name}`);
  }
  await exec('sh', `${WORK_DIR}/work.sh`, 'prepare');
}
