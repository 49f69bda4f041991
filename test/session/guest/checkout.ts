// The second disk of a guest: Node, the tests of this checkout as one program, and what that finds beside itself.
import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { withDependencies } from '../../../ops/node-packages.ts';
import { locateRuntime } from '../../../src/session/host/runtime.ts';
import { makeErofs } from '../erofs-image.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Machine code: it lies beside the program that was built of everything else. */
const NATIVE_PACKAGES = ['koffi', 'classic-level'];

/** What runs as a process or thread of its own. */
const ENTRIES = {
  main: 'test/session/guest/main.ts',
  'make-vault': 'test/session/guest/make-vault.ts',
  worker: 'src/sync/workers/worker.ts',
};

/** The threads of a crew find their program beside the suite's. */
const besideWorker: Plugin = {
  name: 'beside-worker',
  setup: (builder) => {
    builder.onLoad({ filter: /\/workers\/crew\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replace("'./worker.ts'", "'./worker.js'"), loader: 'ts' };
    });
  },
};

/** Makes the disk's image of what it gathers in `treeDir`, with more files at its top. */
export async function makeCheckout(
  treeDir: string,
  image: string,
  files: readonly string[] = [],
): Promise<void> {
  await mkdir(join(treeDir, 'build'), { recursive: true });
  const packages = await withDependencies(ROOT, NATIVE_PACKAGES);
  const copied = [...packages].map((name) => `node_modules/${name}`);
  for (const path of ['package.json', 'test/session/guest/boot.sh', ...copied]) {
    await cp(join(ROOT, path), join(treeDir, path), { recursive: true });
  }
  // The programs of a session, which are found beside the one that starts it.
  await cp(join(ROOT, 'src/session/process/guest'), join(treeDir, 'build/guest'), { recursive: true });
  await cp(join(ROOT, 'node_modules/node/bin/node'), join(treeDir, 'node/bin/node'));
  // Under emulation, to strip types and to find 200 modules takes longer than all the tests.
  await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir: join(treeDir, 'build'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: NATIVE_PACKAGES,
    logLevel: 'error',
    plugins: [besideWorker],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  await cp((await locateRuntime()).dir, join(treeDir, 'runtime'), { recursive: true });
  for (const file of files) await cp(file, join(treeDir, basename(file)));
  await makeErofs(join(treeDir, 'test'), join(treeDir, 'base.erofs'));
  await makeErofs(treeDir, image);
}
