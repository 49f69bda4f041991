// ops/bench sync: first, unchanged, changed and restore, beside restic and borg on the same data, interleaved.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../../src/sync/process.ts';
import { changeData, makeData } from './data.ts';

/** One tool's commands. Each runs as its user would type it, passphrase and all. */
interface Tool {
  readonly name: string;
  readonly start: () => Promise<void>;
  readonly backup: () => Promise<void>;
  /** What the restore reads must be there; not measured. */
  readonly beforeRestore?: () => Promise<void>;
  readonly restore: (target: string) => Promise<void>;
  readonly repository: string;
}

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
  readonly peerName: string;
  readonly ratio: number;
  readonly limit: number;
  readonly holds: boolean;
}

const LIMITS = [
  { name: 'first backup', peerName: 'restic', limit: 0.6 },
  { name: 'first backup', peerName: 'borg', limit: 0.5 },
  { name: 'nothing changed', peerName: 'restic', limit: 0.2 },
  { name: 'one file in a hundred changed', peerName: 'restic', limit: 0.6 },
  { name: 'restore', peerName: 'restic', limit: 0.6 },
  { name: 'repository', peerName: 'restic', limit: 1.05 },
] as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, runs: { type: 'string', default: '5' } },
});
const runs = Number(values.runs);
if (positionals[0] !== 'sync' || !(runs >= 1)) {
  console.error('usage: ops/bench sync [--json] [--runs COUNT]');
  process.exit(2);
}

const dir = await mkdtemp(join(process.env.TMPDIR ?? '/var/tmp', 'deskpod-bench-'));
try {
  const rows = await measure(dir);
  const machine = `${hostname()}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}`;
  if (values.json) console.log(JSON.stringify({ date: new Date().toISOString(), machine, rows }));
  else {
    console.log(machine);
    for (const { name, unit, ours, peer, peerName, ratio, limit, holds } of rows) {
      const verdict = `${ratio.toFixed(2)} of ${limit}  ${holds ? 'holds' : 'DOES NOT HOLD'}`;
      console.log(
        `${name.padEnd(30)} ${ours.toFixed(2)} ${unit}, ${peerName} ${peer.toFixed(2)} ${unit}: ${verdict}`,
      );
    }
  }
  process.exitCode = rows.every(({ holds }) => holds) ? 0 : 1;
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function measure(place: string): Promise<Row[]> {
  const at = (name: string): string => join(place, name);
  const taken = new Map<string, number[]>();
  const note = (name: string, tool: string, value: number): void => {
    const key = `${name}/${tool}`;
    taken.set(key, [...(taken.get(key) ?? []), value]);
  };
  const timed = async (name: string, tool: string, act: () => Promise<void>): Promise<void> => {
    const startedMs = performance.now();
    await act();
    note(name, tool, (performance.now() - startedMs) / 1000);
  };
  for (let i = 0; i < runs; i++) {
    await mkdir(at('data'));
    await makeData(at('data'));
    const tools = toolsIn(place);
    for (const tool of tools) await tool.start();
    for (const tool of tools) await timed('first backup', tool.name, tool.backup);
    for (const tool of tools) await timed('nothing changed', tool.name, tool.backup);
    for (const { name, repository } of tools) {
      const { stdout } = await run('du', ['--summarize', '--bytes', repository]);
      note('repository', name, Number.parseInt(stdout, 10) / 1e6);
    }
    await changeData(at('data'));
    for (const tool of tools) await timed('one file in a hundred changed', tool.name, tool.backup);
    for (const tool of tools) {
      await tool.beforeRestore?.();
      await timed('restore', tool.name, () => tool.restore(at('restored')));
      await rm(at('restored'), { recursive: true });
    }
    for (const name of ['data', 'home', 'restic', 'borg']) await rm(at(name), { recursive: true });
  }
  return LIMITS.map(({ name, peerName, limit }) => {
    const ours = median(taken.get(`${name}/deskpod`) ?? []);
    const peer = median(taken.get(`${name}/${peerName}`) ?? []);
    const unit = name === 'repository' ? 'MB' : 's';
    return { name, unit, ours, peer, peerName, ratio: ours / peer, limit, holds: ours / peer <= limit };
  });
}

function toolsIn(place: string): Tool[] {
  const at = (name: string): string => join(place, name);
  const data = at('data');
  const deskpod = async (...args: string[]): Promise<void> => {
    await run(join(import.meta.dirname, '../../bin/deskpod'), [
      ...args,
      '--passphrase-file',
      at('passphrase'),
    ]);
  };
  const peer = async (program: string, ...args: string[]): Promise<void> => {
    const env = {
      RESTIC_PASSWORD: 'x',
      RESTIC_REPOSITORY: at('restic'),
      RESTIC_CACHE_DIR: at('restic-cache'),
      BORG_PASSPHRASE: 'x',
      BORG_BASE_DIR: at('borg-base'),
    };
    await run(program, args, { env, cwd: data });
  };
  let archive = '';
  return [
    {
      name: 'deskpod',
      repository: join(data, '.deskpod', 'repository'),
      start: async () => {
        await writeFile(at('passphrase'), 'correct horse battery staple\n', { mode: 0o600 });
        await mkdir(at('home'));
        await deskpod('create', '--tree', data);
        await deskpod('home', 'add', at('home'), '-d', data);
      },
      backup: () => deskpod('checkpoint', '-d', data),
      beforeRestore: () => deskpod('sync', '-d', data),
      restore: (target) => deskpod('restore', '--from', at('home'), '--to', target, '--yes'),
    },
    {
      name: 'restic',
      repository: at('restic'),
      start: () => peer('restic', 'init'),
      backup: () => peer('restic', 'backup', '--quiet', '--exclude', '.deskpod', '.'),
      restore: (target) => peer('restic', 'restore', '--quiet', 'latest', '--target', target),
    },
    {
      name: 'borg',
      repository: at('borg'),
      start: () => peer('borg', 'init', '--encryption', 'repokey-blake2', at('borg')),
      backup: () => {
        archive = `a${performance.now()}`;
        const options = ['--compression', 'zstd,1', '--exclude', 'sh:.deskpod'];
        return peer('borg', 'create', ...options, `${at('borg')}::${archive}`, '.');
      },
      restore: async (target) => {
        await mkdir(target);
        await run('borg', ['extract', `${at('borg')}::${archive}`], {
          cwd: target,
          env: { BORG_PASSPHRASE: 'x', BORG_BASE_DIR: at('borg-base') },
        });
      },
    },
  ];
}

function median(taken: readonly number[]): number {
  const sorted = [...taken].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
