// The tools that are measured beside each other: each runs as its user would type it, passphrase and all.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/sync/process.ts';

const DESKPOD = fileURLToPath(new URL('../../bin/deskpod', import.meta.url));

/** How long a command took, and the most memory that one of its processes had. */
export interface Taken {
  readonly seconds: number;
  readonly peakMiB: number;
}

/** One tool's commands, on the data in a folder of its own. */
export interface Tool {
  readonly name: string;
  /** The folder whose size is the repository's. */
  readonly repository: string;
  start(): Promise<void>;
  backup(): Promise<Taken>;
  /** The newest state of the data, or what it was after the first backup, to a folder that is not there yet. */
  restore(target: string, which: 'newest' | 'first'): Promise<Taken>;
  /** Reads and proves every byte of the repository. */
  verify(): Promise<Taken>;
  /** Runs `act` while the data is being watched; for a tool that can. */
  watching?(act: () => Promise<void>): Promise<void>;
}

/** All of them, working below `place`, on `place/data`. */
export function toolsIn(place: string): Tool[] {
  return [deskpodIn(place), restic(place), borg(place)];
}

/** DeskPod, as one of them. */
export function deskpodIn(place: string): Tool {
  const data = join(place, 'data');
  const passphraseFile = join(place, 'passphrase');
  const deskpodDo = (...args: string[]): Promise<Taken> =>
    timed([DESKPOD, ...args, '--passphrase-file', passphraseFile], { cwd: place });
  return {
    name: 'deskpod',
    repository: join(data, '.deskpod', 'repository'),
    start: async () => {
      await writeFile(passphraseFile, 'correct horse battery staple\n', { mode: 0o600 });
      await deskpodDo('create', '--tree', data);
    },
    backup: () => deskpodDo('checkpoint', '-d', data),
    restore: (target, which) =>
      deskpodDo('restore', '-d', data, '--into', target, ...(which === 'first' ? ['--checkpoint', '1'] : [])),
    verify: () => deskpodDo('verify', '--read-data', '-d', data),
    watching: async (act) => {
      const watch = spawn(DESKPOD, ['watch', data, '--passphrase-file', passphraseFile], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const ended = once(watch, 'exit');
      try {
        for await (const line of createInterface({ input: watch.stderr }))
          if (line.includes('watching')) break;
        // the first one looks at everything
        await deskpodDo('checkpoint', '-d', data);
        await act();
      } finally {
        watch.kill();
        await ended;
      }
    },
  };
}

function restic(place: string): Tool {
  const env = {
    RESTIC_PASSWORD: 'x',
    RESTIC_REPOSITORY: join(place, 'restic'),
    RESTIC_CACHE_DIR: join(place, 'restic-cache'),
  };
  const cwd = join(place, 'data');
  const resticDo = (...args: string[]): Promise<Taken> =>
    timed(['restic', '--quiet', '--compression', 'auto', ...args], { env, cwd });
  let first = '';
  return {
    name: 'restic',
    repository: env.RESTIC_REPOSITORY,
    start: async () => {
      first = '';
      await resticDo('init');
    },
    backup: () => resticDo('backup', '--exclude', '.deskpod', '.'),
    restore: async (target, which) => {
      if (first === '') {
        const { stdout } = await run('restic', ['snapshots', '--json'], { env, cwd });
        first = (JSON.parse(stdout) as { id: string }[])[0]?.id ?? '';
      }
      return resticDo('restore', which === 'first' ? first : 'latest', '--target', target);
    },
    verify: () => resticDo('check', '--read-data'),
  };
}

function borg(place: string): Tool {
  const repository = join(place, 'borg');
  const env = { BORG_PASSPHRASE: 'x', BORG_BASE_DIR: join(place, 'borg-base') };
  const cwd = join(place, 'data');
  let count = 0;
  return {
    name: 'borg',
    repository,
    start: async () => {
      count = 0;
      await timed(['borg', 'init', '--encryption', 'repokey-blake2', repository], { env, cwd });
    },
    backup: () => {
      count++;
      const options = ['--compression', 'zstd,1', '--exclude', 'sh:.deskpod'];
      return timed(['borg', 'create', ...options, `${repository}::a${count}`, '.'], { env, cwd });
    },
    restore: async (target, which) => {
      await mkdir(target);
      const archive = `${repository}::a${which === 'first' ? 1 : count}`;
      return timed(['borg', 'extract', archive], { env, cwd: target });
    },
    verify: () => timed(['borg', 'check', '--verify-data', repository], { env, cwd }),
  };
}

/** Runs a command under GNU time, which tells the memory, and nothing but that on stderr's last line. */
async function timed(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Taken> {
  const startedMs = performance.now();
  const { stderr } = await run('time', ['--format', '%M', ...command], options);
  const seconds = (performance.now() - startedMs) / 1000;
  const peakKiB = Number(stderr.trim().split('\n').at(-1));
  if (!Number.isFinite(peakKiB)) throw new Error(`expected the memory of ${command[0]}, got ${stderr}`);
  return { seconds, peakMiB: peakKiB / 1024 };
}
