// A runtime whose CRIU is not as it should be: the real one, behind a script of the test.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runtimeDir } from '../../src/session/host/runtime.ts';

/**
 * Makes a runtime folder below `dir`, for DESKPOD_RUNTIME.
 *
 * @param script of a shell that stands for CRIU, with CRIU's arguments, told where the real one is
 */
export async function runtimeWith(dir: string, script: (criu: string) => string): Promise<string> {
  const made = join(dir, 'runtime');
  await mkdir(join(made, 'bin'), { recursive: true });
  for (const name of ['runc', 'mkfs.erofs'])
    await symlink(join(runtimeDir(), 'bin', name), join(made, 'bin', name));
  await symlink(join(runtimeDir(), 'versions.json'), join(made, 'versions.json'));
  const text = `#!/bin/sh\n${script(join(runtimeDir(), 'bin', 'criu'))}\n`;
  await writeFile(join(made, 'bin', 'criu'), text, { mode: 0o700 });
  return made;
}
