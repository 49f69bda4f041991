// Packages of node_modules with all that they need, for a program that is carried elsewhere.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of a package.json. */
interface Needs {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Packages of the node_modules in `root`, and all that they need. */
export async function withDependencies(root: string, names: readonly string[]): Promise<Set<string>> {
  const found = new Set(names);
  // A set is gone through in the order of its making, what is added on the way included.
  for (const name of found) {
    const text = await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8');
    const { dependencies, optionalDependencies } = JSON.parse(text) as Needs;
    for (const needed of Object.keys(dependencies ?? {})) found.add(needed);
    // Of these, those for other machines are not there.
    for (const needed of Object.keys(optionalDependencies ?? {})) {
      if (existsSync(join(root, 'node_modules', needed))) found.add(needed);
    }
  }
  return found;
}
