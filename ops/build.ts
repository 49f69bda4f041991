// Builds the program: plain JavaScript in build/, a file for each process and thread and parts that they load when needed,
// and the pages that browsers show.
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { buildPages } from './pages.ts';

const root = resolve(import.meta.dirname, '..');
const buildDir = join(root, 'build');
/** What runs on its own: the command line, the processes that own a pod and that open one, a thread of its crew, and one that watches. */
const ENTRIES: Readonly<Record<string, string>> = {
  worker: join(root, 'src/sync/workers/worker.ts'),
  watch: join(root, 'src/sync/watch/watch-thread.ts'),
  supervisor: join(root, 'src/session/supervisor/main.ts'),
  door: join(root, 'src/session/door/main.ts'),
  deskpod: join(root, 'src/cli/main.ts'),
};
const FORMER_PARTS_MS = 30 * 24 * 3600_000;
/** Machine code, or only wanted if it is there. */
const EXTERNAL = ['koffi', 'classic-level', 'bufferutil', 'utf-8-validate'];

/** What a source finds beside itself is another entry, or lies in the checkout as it is. */
const places: Plugin = {
  name: 'places',
  setup: (builder) => {
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (/import\.meta\.(dirname|filename)/.test(source))
        throw new Error(`${relative(root, path)}: a build finds only new URL('./…', import.meta.url)`);
      const contents = source.replace(
        /new URL\('(\.[^']+)', import\.meta\.url\)/g,
        (_match, place: string) =>
          `new URL('${placeFromBuild(resolve(dirname(path), place))}', import.meta.url)`,
      );
      return { contents, loader: 'ts' };
    });
  },
};

function placeFromBuild(path: string): string {
  const entry = Object.keys(ENTRIES).find((name) => ENTRIES[name] === path);
  return entry === undefined ? relative(buildDir, path) : `./${entry}.js`;
}

const startedAt = new Date();
const pages = buildPages();
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ENTRIES,
  outdir: buildDir,
  write: false,
  bundle: true,
  splitting: true,
  chunkNames: 'part-[hash]',
  platform: 'node',
  format: 'esm',
  target: 'node24',
  external: EXTERNAL,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [places],
  // packages in CommonJS ask for Node's own modules by require
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
});
await mkdir(buildDir, { recursive: true });
await pages;
// what was compiled of former parts serves nobody; what root has compiled a user cannot remove, and it does no harm
await rm(join(buildDir, 'compiled'), { recursive: true, force: true }).catch(() => undefined);
// `bin/deskpod` compares the sources with the command line's own file: it comes last, and is as old as what was read
const isProgram = (path: string): boolean => basename(path) === 'deskpod.js';
for (const { path, contents } of outputFiles.sort(
  (a, b) => Number(isProgram(a.path)) - Number(isProgram(b.path)),
)) {
  // whoever starts meanwhile gets the former file or this one, whole
  const part = join(buildDir, `.${basename(path)}.${process.pid}`);
  await writeFile(part, contents);
  await utimes(part, startedAt, startedAt);
  await rename(part, path);
}
// parts are named by what is in them: one of a former build may still be wanted by a process that runs since then
const outputs = new Set(outputFiles.map(({ path }) => basename(path)));
for (const name of await readdir(buildDir)) {
  if (!name.startsWith('part-') || outputs.has(name)) continue;
  const { mtimeMs } = await stat(join(buildDir, name));
  if (startedAt.getTime() - mtimeMs > FORMER_PARTS_MS) await rm(join(buildDir, name), { force: true });
}
