// What a device carries, against what the program starts: a host may have nothing of it.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = new URL('../../', import.meta.url).pathname;
/** A shell is what a host must have itself; of udev and D-Bus it has its own, or none. */
const OF_THE_HOST = ['sh', 'xdg-open', 'udevadm', 'gdbus'];
/** Bases are not built where a device was only plugged in. */
const FOR_BASES_ONLY = ['mmdebstrap', 'apt-config', 'apt-get'];
/** A program by its name, wherever one is started; paths come from the runtime folder. */
const STARTED = /\b(?:run|runAttached|runToFile|spawnDetached)\(\s*'([a-z][\w.-]*)'/g;

describe('the runtime that devices carry', () => {
  it('has every program that the sources start, but for what builds bases', async () => {
    const script = await readFile(join(ROOT, 'ops/runtime.sh'), 'utf8');
    const listed = (name: string): string[] =>
      new RegExp(`^readonly ${name}=\\(([^)]*)\\)`, 'm').exec(script)?.[1]?.trim().split(/\s+/) ?? [];
    const carried = [...listed('CARRIED'), ...listed('CARRIED_LINKS').map((link) => link.replace(/=.*/, ''))];
    assert.ok(carried.includes('mount') && carried.includes('mkfs.ext4'));
    const started = new Set<string>();
    for (const entry of await readdir(join(ROOT, 'src'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const source = await readFile(join(entry.parentPath, entry.name), 'utf8');
      for (const [, name = ''] of source.matchAll(STARTED)) started.add(name);
    }
    assert.ok(started.size > 15, [...started].join());
    const known = new Set([...carried, ...OF_THE_HOST, ...FOR_BASES_ONLY]);
    assert.deepEqual(
      [...started].filter((name) => !known.has(name)),
      [],
    );
  });
});
