// Builds the pages that browsers show: each folder of display/ with an index.html, by Vite, into build/pages.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { build } from 'vite';

const root = resolve(import.meta.dirname, '..');
const sources = join(root, 'display');

/** Builds all pages. Whoever serves the former ones has read them already: they are replaced as a whole. */
export async function buildPages(): Promise<void> {
  const pages = join(root, 'build/pages');
  const made = `${pages}.${process.pid}`;
  const former = `${made}.former`;
  await build({
    configFile: false,
    envDir: false,
    root: sources,
    // pages lie below a folder whose name is a secret
    base: './',
    publicDir: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: made,
      emptyOutDir: true,
      target: ['chrome120', 'firefox121', 'safari17.4'],
      // the policy of the pages lets nothing run that stands in a page itself
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      // how long parts of it take on a busy machine is no warning about the pages
      rolldownOptions: { input: await findPages(), checks: { pluginTimings: false } },
    },
  });
  await mkdir(pages, { recursive: true });
  await rename(pages, former);
  await rename(made, pages);
  await rm(former, { recursive: true, force: true });
}

/** The pages by the names of their folders. */
async function findPages(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of await readdir(sources, { recursive: true }))
    if (basename(path) === 'index.html') found[dirname(path)] = join(sources, path);
  return found;
}
