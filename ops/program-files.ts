// The files of the built program and of what it needs of node_modules, for a place where it runs without its sources.
import { cp, readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { withDependencies } from './node-packages.ts';

/** What `ops/build.ts` leaves out of the program: machine code. */
const PACKAGES = ['koffi', 'classic-level'];
/** What the built program finds beside itself. */
const BESIDE = ['package.json', 'build/pages', 'src/session/process/guest'];

/** Copies the built program of the checkout in `root`. */
export async function layOutProgram(root: string, programDir: string): Promise<void> {
  for (const path of BESIDE) await cp(join(root, path), join(programDir, path), { recursive: true });
  for (const name of await builtFiles(root))
    await cp(join(root, 'build', name), join(programDir, 'build', name));
  for (const name of await withDependencies(root, PACKAGES)) {
    const from = join(root, 'node_modules', name);
    await cp(from, join(programDir, 'node_modules', name), {
      recursive: true,
      filter: (path) => isUsed(relative(from, path).split(sep)),
    });
  }
}

/** The processes and threads of the program, and all parts that they load: parts of former builds lie beside them. */
async function builtFiles(root: string): Promise<Set<string>> {
  const found = new Set((await readdir(join(root, 'build'))).filter((name) => /^[a-z]+\.js$/.test(name)));
  for (const name of found)
    for (const [part] of (await readFile(join(root, 'build', name), 'utf8')).matchAll(/\bpart-\w+\.js\b/g))
      found.add(part);
  return found;
}

/** Neither sources of machine code nor that of other machines. */
function isUsed([folder, machine]: readonly string[]): boolean {
  if (folder === 'deps') return false;
  return folder !== 'prebuilds' || machine === undefined || machine === `linux-${process.arch}`;
}
