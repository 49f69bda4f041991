// For which processors the programs of a base are: what a session's first program says in its header.
import { open } from 'node:fs/promises';
import { machine } from 'node:os';
import { DeskPodError } from '../../core/errors.ts';
import { openInRoot } from '../barrier/rooted-path.ts';

/** Numbers of ELF, by what `uname -m` says. */
const MACHINES: Readonly<Record<string, number>> = {
  x86_64: 62,
  aarch64: 183,
  armv7l: 40,
  i686: 3,
  riscv64: 243,
};
const PROGRAM = '/usr/bin/perl';
const ELF_MAGIC = 0x7f454c46;
const MACHINE_OFFSET = 18;

/**
 * Looks whether the programs in a mounted root file system are for this host's processor.
 * @throws DeskPodError HOST_UNSUPPORTED if they are for another; SESSION_START_FAILED if there is no program to look at
 */
export async function requireOwnMachine(rootDir: string, host = machine()): Promise<void> {
  const header = await headerOf(rootDir);
  const found = header.readUInt32BE(0) === ELF_MAGIC ? header.readUInt16LE(MACHINE_OFFSET) : undefined;
  if (found === MACHINES[host]) return;
  const name = Object.keys(MACHINES).find((key) => MACHINES[key] === found) ?? 'none that is known';
  throw new DeskPodError(
    'HOST_UNSUPPORTED',
    `the base of this pod is for ${name}, and this host is ${host}`,
    {
      hint: 'Start it on a computer of that kind, or make a pod for this one with `deskpod create`.',
      details: { found: name, host },
    },
  );
}

async function headerOf(rootDir: string): Promise<Buffer> {
  const header = Buffer.alloc(MACHINE_OFFSET + 2);
  try {
    const place = await openInRoot(rootDir, PROGRAM);
    try {
      if (!place.isFile) throw new TypeError(`${PROGRAM} is no file`);
      const file = await open(place.path, 'r');
      await file.read(header, 0, header.length, 0);
      await file.close();
    } finally {
      await place.close();
    }
  } catch (cause) {
    throw new DeskPodError('SESSION_START_FAILED', `${PROGRAM}: expected this program in the pod, got none`, {
      hint: 'A session needs it: resume an older checkpoint or restore the pod.',
      cause,
    });
  }
  return header;
}
