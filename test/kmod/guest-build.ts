// What a guest finds at /checkout to try the module: built by the release's own compiler, against its kernel's headers.
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from '../../src/sync/process.ts';
import { makeErofs } from '../session/erofs-image.ts';
import { guestDirOf } from '../session/guest/machine.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const BUILDERS_DIR = process.env.DESKPOD_BUILDERS ?? '/var/lib/deskpod/builders';
const BUILD_TIMEOUT_MS = 120_000;
/** Besides its own warnings, and those of the checker that the kernel uses, all that the compiler has is an error. */
const PROGRAM_FLAGS = ['-O1', '-static', '-Wall', '-Wextra', '-Werror', '-I', 'kmod', '-I', 'guest'];

/** Makes an image of the module and one of guest/programs, with what runs it. */
export async function makeBarrierImage(
  release: string,
  program: 'barrier' | 'cost',
  dir: string,
  image: string,
): Promise<void> {
  await mkdir(dir);
  await buildModule(release, dir, program);
  await cp(join(import.meta.dirname, 'guest/barrier.sh'), join(dir, 'barrier.sh'));
  await makeErofs(dir, image);
}

/**
 * Builds deskpod.ko for a guest into `dir`, and one of guest/programs if one is named. Fails if the kernel's build, told to warn
 * of more than usual, or its checker has anything to say.
 */
export async function buildModule(release: string, dir: string, program?: 'barrier' | 'cost'): Promise<void> {
  const kernel = (await readFile(join(guestDirOf(release), 'kernel'), 'utf8')).trim();
  const root = join(BUILDERS_DIR, release, 'root');
  const source = await mkdtemp(join(root, 'tmp/kmod-')).catch((cause: unknown) => {
    throw new Error(`there is no builder in ${root}: run ops/setup --tests`, { cause });
  });
  try {
    await cp(join(ROOT, 'kmod'), join(source, 'kmod'), { recursive: true });
    await cp(join(import.meta.dirname, 'guest'), join(source, 'guest'), { recursive: true });
    const inside = source.slice(root.length);
    const build = (command: string) =>
      run('chroot', [root, '/bin/bash', '-c', `cd ${inside} && ${command}`], {
        timeoutMs: BUILD_TIMEOUT_MS,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TMPDIR: undefined },
      });
    await build(`make -C kmod check KERNEL=/usr/src/linux-headers-${kernel}`);
    await cp(join(source, 'kmod/deskpod.ko'), join(dir, 'deskpod.ko'));
    if (program === undefined) return;
    if (program === 'barrier') {
      await build(`make -C /usr/src/linux-headers-${kernel} M=${inside}/guest/disarming modules`);
      await cp(join(source, 'guest/disarming/disarming.ko'), join(dir, 'disarming.ko'));
    }
    await build(`gcc ${PROGRAM_FLAGS.join(' ')} -o ${program} guest/*.c guest/programs/${program}.c`);
    await cp(join(source, program), join(dir, program));
  } finally {
    await rm(source, { recursive: true, force: true });
  }
}
