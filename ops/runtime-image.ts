// Makes the runtime that devices carry: one EROFS image with Node, the built program, and every program that it starts.
//
// usage: node ops/runtime-image.ts
//
// Makes build/runtime.erofs, unless it is newer than what it is made of: the runtime folder (DESKPOD_RUNTIME), node_modules
// and build/. Its programs are linked for one place on a host,
// named by a hash of all of it: they run there and nowhere else, with the runtime's own loader and libraries.
import { createHash } from 'node:crypto';
import {
  access,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { DeskPodError, isDeskPodError } from '../src/core/errors.ts';
import { locateRuntime, type Runtime } from '../src/session/host/runtime.ts';
import { RUNTIMES_DIR } from '../src/session/runtime/entry-script.ts';
import { run } from '../src/sync/process.ts';
import { linkProgram } from './link-programs.ts';
import { layOutProgram } from './program-files.ts';

const ROOT = resolve(import.meta.dirname, '..');
const ID_DIGITS = 16;
/** As `bin/deskpod` starts it. */
const NODE_OPTIONS =
  '--disable-warning=ExperimentalWarning --single-threaded-gc --initial-old-space-size=64 --max-semi-space-size=16 ' +
  '--invocation-count-for-turbofan=30000';

const IMAGE = join(ROOT, 'build/runtime.erofs');
const WORK_PREFIX = '.runtime-making.';
const ABANDONED_MS = 3600_000;

try {
  const runtime = await locateRuntime();
  if (!(await isFresh(runtime))) await replaceImage(runtime);
} catch (error) {
  if (!isDeskPodError(error)) throw error;
  process.stderr.write(`${error.message}\n${error.hint ?? ''}\n`);
  process.exitCode = 1;
}

/** True if nothing of what the image is made of was changed since. */
async function isFresh({ dir }: Runtime): Promise<boolean> {
  const made = await stat(IMAGE).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (made === undefined) return false;
  const sources = [
    join(dir, 'versions.json'),
    ...[
      'build/deskpod.js',
      'node_modules/.package-lock.json',
      'ops/runtime-image.ts',
      'ops/program-files.ts',
      'ops/link-programs.ts',
    ].map((name) => join(ROOT, name)),
    ...(await filesIn(join(ROOT, 'build/pages'))),
    ...(await filesIn(join(ROOT, 'src/session/process/guest'))),
  ];
  const times = await Promise.all(sources.map(async (path) => (await stat(path)).mtimeMs));
  return times.every((changedMs) => changedMs < made.mtimeMs);
}

async function replaceImage(runtime: Runtime): Promise<void> {
  const startedMs = performance.now();
  await removeAbandoned();
  const workDir = await mkdtemp(join(ROOT, 'build', WORK_PREFIX));
  try {
    const startedAt = new Date();
    const image = join(workDir, 'image.erofs');
    const id = await makeImage(runtime, join(workDir, 'tree'), image);
    // as old as what was read: whatever is changed meanwhile is newer
    await utimes(image, startedAt, startedAt);
    await rename(image, IMAGE);
    const { size } = await stat(IMAGE);
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    process.stderr.write(`runtime ${id}: ${Math.round(size / 2 ** 20)} MiB in ${seconds} s, ${IMAGE}\n`);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** What killed runs left. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(join(ROOT, 'build'))) {
    const path = join(ROOT, 'build', name);
    if (!name.startsWith(WORK_PREFIX)) continue;
    if (Date.now() - (await stat(path)).mtimeMs > ABANDONED_MS)
      await rm(path, { recursive: true, force: true });
  }
}

async function makeImage({ dir, mkfsErofsPath }: Runtime, tree: string, image: string): Promise<string> {
  await requireCarried(dir);
  for (const name of ['lib', 'libexec', 'doc', 'versions.json'])
    await cp(join(dir, name), join(tree, name), { recursive: true });
  await cp(join(dir, 'carried'), join(tree, 'bin'), { recursive: true, verbatimSymlinks: true });
  await cp(join(ROOT, 'node_modules/node/bin/node'), join(tree, 'bin/node'));
  const programDir = join(tree, 'program');
  await layOutProgram(ROOT, programDir);
  await cp(join(ROOT, 'LICENSE'), join(programDir, 'LICENSE'));

  const id = await hashTree(tree);
  const place = `${RUNTIMES_DIR}/${id}`;
  await writeFile(join(tree, 'id'), `${id}\n`);
  const loader = await loaderOf(join(tree, 'bin/node'));
  await run('ln', ['-s', loader, join(tree, 'lib/ld.so')]);
  for (const name of ['runc', 'mkfs.erofs'])
    await rename(join(tree, 'libexec', name), join(tree, 'bin', name));
  const programs = [...(await filesIn(join(tree, 'bin'))), ...(await filesIn(join(tree, 'libexec')))];
  for (const path of programs) await linkProgram(path, `${place}/lib/${loader}`, `${place}/lib`);
  await writeScript(join(tree, 'bin/criu'), [
    '# Runs the CRIU of this runtime, with neither plugins nor settings of the host.',
    `export CRIU_LIBS_DIR=${place}/lib/criu`,
    `exec ${place}/libexec/criu --no-default-config "$@"`,
  ]);
  await mkdir(join(tree, 'program/bin'));
  await writeScript(join(tree, 'program/bin/deskpod'), [
    '# Starts the deskpod of this runtime, with its own programs before those of the host.',
    `place=${place}`,
    `export PATH="$place/bin:\${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}"`,
    'export DESKPOD_RUNTIME="$place" DESKPOD_RUNTIME_IMAGE="$place.memory/runtime.erofs" MALLOC_ARENA_MAX=2',
    `exec "$place/bin/node" ${NODE_OPTIONS} "$place/program/build/deskpod.js" "$@"`,
  ]);
  // Compressed well, as it is written to portable drives and copied into memory; read once, in pages of the page cache.
  const options = ['--quiet', '-zlz4hc,9', '-C65536', '-T0', '--all-root', '-Uclear'];
  await run(mkfsErofsPath, [...options, image, tree]);
  const written = await open(image, 'r');
  await written.sync();
  await written.close();
  return id;
}

/** A runtime folder of an earlier version of `ops/runtime.sh` has none. */
async function requireCarried(dir: string): Promise<void> {
  try {
    await access(join(dir, 'carried'));
  } catch (cause) {
    throw new DeskPodError('RUNTIME_MISSING', `${dir}: expected the programs that devices carry, got none`, {
      hint: 'Run ops/setup as root to make the runtime folder anew.',
      details: { dir },
      cause,
    });
  }
}

async function writeScript(path: string, lines: readonly string[]): Promise<void> {
  await writeFile(path, ['#!/bin/sh', ...lines, ''].join('\n'));
  await chmod(path, 0o755);
}

async function loaderOf(program: string): Promise<string> {
  return basename((await run('patchelf', ['--print-interpreter', program])).stdout);
}

/** The files below a folder; links to them are left out. */
async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function hashTree(tree: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }));
  for (const { entry, path } of paths.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const content = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : entry.isSymbolicLink()
        ? await readlink(path)
        : '';
    hash.update(`${relative(tree, path)}\0${content}\0`);
  }
  return hash.digest('hex').slice(0, ID_DIGITS);
}
