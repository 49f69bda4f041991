// package-lock.json is whole: `npm ci` takes it as it is, on any platform and from any registry.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** What an entry of the lockfile says of one package, as far as it is of interest here. */
interface LockedPackage {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(
  readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
) as { packages: Readonly<Record<string, LockedPackage>> };
const ROOT = '';
const installed = Object.entries(packages).filter(([place]) => place !== ROOT);

/** Whether a package that is asked for from `place` is found there or in a folder above it, as Node looks for it. */
function isLocked(place: string, name: string): boolean {
  for (let folder = place; folder !== ROOT; folder = folderAbove(folder)) {
    if (`${folder}/node_modules/${name}` in packages) return true;
  }
  return `node_modules/${name}` in packages;
}

function folderAbove(place: string): string {
  return place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')));
}

describe('package-lock.json', () => {
  it('names every package that another one asks for, those of other platforms too', () => {
    const missing = Object.entries(packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isLocked(place, name))
        .map((name) => `${place || 'the project'}: ${name}`),
    );
    assert.deepEqual(missing, []);
  });

  it('holds the hash of every package', () => {
    const unhashed = installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
    assert.deepEqual(unhashed, []);
  });

  it('names no registry, so that each machine asks its own', () => {
    assert.deepEqual(
      installed.filter(([, { resolved }]) => resolved !== undefined),
      [],
    );
  });
});
