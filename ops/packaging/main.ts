// The Debian package: a tree of what is installed, and the .deb of it.
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { locateRuntime } from '../../src/session/host/runtime.ts';
import { run } from '../../src/sync/process.ts';
import { sourceDate } from '../manual/source-date.ts';
import { writeControl } from './control.ts';
import { layOutTree } from './tree.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const { values, positionals } = parseArgs({
  options: { tree: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const folder = resolve(positionals[0] ?? join(ROOT, 'build/package'));
const tree = join(folder, 'tree');
const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const date = sourceDate();

await rm(tree, { recursive: true, force: true });
await mkdir(tree, { recursive: true });
const about = { root: ROOT, tree, version, date, runtime: await locateRuntime() };
await layOutTree(about);
await writeControl(about);
if (!values.tree) await makePackage();

async function makePackage(): Promise<void> {
  const architecture = (await run('dpkg', ['--print-architecture'])).stdout;
  const file = join(folder, `deskpod_${version}_${architecture}.deb`);
  const startedMs = performance.now();
  await run('dpkg-deb', ['--root-owner-group', '--build', '-Zxz', '-z2', tree, file], {
    env: { SOURCE_DATE_EPOCH: `${date.getTime() / 1000}` },
  });
  await rm(tree, { recursive: true });
  const { size } = await stat(file);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stderr.write(`package: ${Math.round(size / 2 ** 20)} MiB in ${seconds} s\n`);
  process.stdout.write(`${file}\n`);
}
