// A runtime of which CRIU or runc is not as it should be: the real one, behind a script of the test.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runtimeDir } from '../../src/session/host/runtime.ts';

type OddProgram = 'criu' | 'runc';

/**
 * Makes a runtime folder below `dir`, for DESKPOD_RUNTIME.
 *
 * @param script of a shell that stands for a program, with that one's arguments, told where the real one is
 * @param odd the program
 */
export async function runtimeWith(
  dir: string,
  script: (real: string) => string,
  odd: OddProgram = 'criu',
): Promise<string> {
  const made = join(dir, 'runtime');
  await mkdir(join(made, 'bin'), { recursive: true });
  for (const name of ['criu', 'runc', 'mkfs.erofs'])
    if (name !== odd) await symlink(join(runtimeDir(), 'bin', name), join(made, 'bin', name));
  await symlink(join(runtimeDir(), 'versions.json'), join(made, 'versions.json'));
  const text = `#!/bin/sh\n${script(join(runtimeDir(), 'bin', odd))}\n`;
  await writeFile(join(made, 'bin', odd), text, { mode: 0o700 });
  return made;
}
