// What a session must not leave on its host: looked for by the folder that everything of it lay in.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { runcList } from '../../src/session/barrier/runc.ts';
import { readMounts } from '../../src/session/host/mount-table.ts';
import { programsIn } from '../../src/session/host/programs.ts';
import { run } from '../../src/sync/process.ts';

const SHIFTED_FIRST = 1879048192;
const SHIFTED_LAST = SHIFTED_FIRST + 65535;
/**
 * The kernel takes a moment to let go of the last file of an ended process. A loop device stays longer: as long as a mount namespace
 * that another program made meanwhile holds a copy of what was mounted.
 */
const DEADLINE_MS = 30_000;

/** Everything on this host that belongs to sessions in `dir`: one line each. */
export async function leftoversIn(dir: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => line.includes(dir));
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE']);
  const loops = stdout.split('\n').filter((line) => line.includes(dir));
  const runc = (await runcList(programsIn())).filter(({ bundle }) => bundle.startsWith(dir));
  return [
    ...mounts.map((line) => `mount: ${line}`),
    ...loops.map((line) => `loop device: ${line}`),
    ...runc.map(({ id, status }) => `runc: ${id} ${status}`),
    ...(await processesIn(dir)),
  ];
}

/** The control groups of a session, in every hierarchy of this host. */
export async function controlGroupsOf(sessionId: string): Promise<readonly string[]> {
  const mounts = (await readMounts()).filter(({ fsType }) => fsType === 'cgroup' || fsType === 'cgroup2');
  return mounts.map(({ mountPoint }) => `${mountPoint}/${sessionId}`).filter((dir) => existsSync(dir));
}

/** Fails with the list unless nothing of the sessions in `dir` is left. */
export async function assertNothingLeft(dir: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  let left = await leftoversIn(dir);
  while (left.length > 0 && performance.now() < deadline) {
    await delay(20);
    left = await leftoversIn(dir);
  }
  assert.deepEqual(left, []);
}

/** Processes with an id of a session that see `dir` as their root's, and the host's programs that work for them. */
async function processesIn(dir: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || pid === `${process.pid}`) continue;
    const [status, mountinfo, commandLine] = await Promise.all(
      ['status', 'mountinfo', 'cmdline'].map((name) =>
        readFile(`/proc/${pid}/${name}`, 'utf8').catch((error: NodeJS.ErrnoException) => {
          if (['ENOENT', 'ESRCH', 'EINVAL'].includes(error.code ?? '')) return '';
          throw error;
        }),
      ),
    );
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status ?? '')?.[1] ?? -1);
    const isShifted = uid >= SHIFTED_FIRST && uid <= SHIFTED_LAST;
    if ((isShifted && mountinfo?.includes(dir)) || commandLine?.includes(dir)) {
      found.push(`process: ${pid} ${commandLine?.replaceAll('\0', ' ').slice(0, 200)}`);
    }
  }
  return found;
}
