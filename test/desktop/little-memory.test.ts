// A desktop pod on a host with little memory: a suspend and a start that do not fit are refused, and change nothing.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ControlGroup,
  enforceLimits,
  joiningFiles,
  makeControlGroup,
  removeControlGroup,
} from '../../src/session/barrier/control-group.ts';
import { mountAt, readMounts } from '../../src/session/host/mount-table.ts';
import type { Program } from '../tree/program.ts';
import { DesktopLab } from './desktop-lab.ts';

const MEBIBYTE = 2 ** 20;
/** Of a program in the session: its images are as long, and are stored in no time. */
const HELD_BYTES = 250 * MEBIBYTE;
/** For a supervisor and what it starts: images do not fit besides, and all else does, by far. */
const LIMIT_BYTES = 350 * MEBIBYTE;
const HOLD_MEMORY =
  `setsid perl -e 'push @held, "x" x 2**20 for 1 .. ${HELD_BYTES / MEBIBYTE}; open F, ">", "held"; close F; sleep 600 while 1' </dev/null >/dev/null 2>&1 & ` +
  'until [ -e held ]; do sleep 0.05; done';
/** Runs a command where the host's own memory for files that programs share is full. */
const WITH_FULL_SHM = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs -o size=64k tmpfs /dev/shm; head -c 1M /dev/zero >/dev/shm/full 2>/dev/null; exec "$@"',
  'sh',
];

describe('a desktop pod on a host with little memory', () => {
  let lab: DesktopLab;
  let group: ControlGroup;
  let inGroup: Program;
  let groupName: string;

  before(async () => {
    lab = await DesktopLab.open();
    groupName = `deskpod-test-${process.pid}`;
    const made = await makeControlGroup(groupName, { memoryBytes: LIMIT_BYTES });
    assert.ok(made !== undefined);
    group = made;
    const joins = joiningFiles(group).map((file) => `echo $$ >${file};`);
    inGroup = lab.program.with({ through: ['sh', '-c', `${joins.join(' ')} exec "$@"`, 'sh'] });
    await lab.create(450);
  });
  after(async () => {
    await lab.close();
    await removeControlGroup(groupName);
  });

  it('is not suspended if its images do not fit, goes on, and is suspended when they do', async () => {
    await inGroup.answer(['start', lab.image, '--no-view']);
    await lab.supervisor();
    await lab.startCounter();
    await lab.shell(HOLD_MEMORY);
    const before = await lab.counter();
    await enforceLimits(group);
    const { message, hint } = await lab.program.failure('SUSPEND_FAILED', ['suspend', ...lab.at()]);
    assert.match(message, /there is not enough memory for the images/);
    assert.match(hint ?? '', /^The session goes on\. Either end other programs of this host/);
    assert.equal((await lab.status()).session.status, 'running');
    assert.equal((await lab.counter(before.count)).pid, before.pid);
    assert.equal(await lab.shell('pgrep -c perl >/dev/null && echo held'), 'held');
    await assertNothingHeld();
    await unlimit(group);
    await lab.program.answer(['suspend', ...lab.at()]);
  });

  it('is not started if images and processes do not fit, with nothing touched', async () => {
    await enforceLimits(group);
    const { seq } = await lab.status();
    const { message, hint, details } = await inGroup.failure('HOST_UNSUPPORTED', [
      'start',
      lab.image,
      '--no-view',
    ]);
    assert.match(
      message,
      /needs \d+ MiB of free memory to be resumed, and the control group .* leaves \d+ MiB/,
    );
    assert.match(hint ?? '', /Raise the limit of that group.*--fresh/);
    assert.ok(Number(details.neededBytes) >= 2 * HELD_BYTES);
    assert.equal(details.group, group.dirs.memory);
    assert.equal((await lab.status()).seq, seq);
    await assertNothingHeld();
  });

  it('goes on, and is suspended, where the host’s /dev/shm is full', async () => {
    const program = lab.program.with({ through: WITH_FULL_SHM });
    const { resumedCheckpoint } = await program.answer<{ resumedCheckpoint: number }>([
      'start',
      lab.image,
      '--no-view',
    ]);
    assert.equal(resumedCheckpoint, 1);
    const supervisor = await lab.supervisor();
    const shm = (await readMounts(supervisor.pid)).findLast(({ mountPoint }) => mountPoint === '/dev/shm');
    assert.ok(shm?.fsOptions.includes('size=64k'), JSON.stringify(shm));
    assert.equal(await lab.shell('pgrep -c perl >/dev/null && echo held'), 'held');
    await lab.program.answer(['suspend', ...lab.at()]);
  });

  /** No images stay in memory. */
  async function assertNothingHeld(): Promise<void> {
    assert.equal(mountAt(await readMounts(), (await lab.stage()).imagesDir), undefined);
  }
});

async function unlimit({ dirs, versions }: ControlGroup): Promise<void> {
  const dir = dirs.memory ?? '';
  if (versions.memory === 2) return writeFile(join(dir, 'memory.max'), 'max');
  // a host that does not account for swap has no such file
  const swap = join(dir, 'memory.memsw.limit_in_bytes');
  if ((await readFile(swap, 'latin1').catch(() => undefined)) !== undefined) await writeFile(swap, '-1');
  await writeFile(join(dir, 'memory.limit_in_bytes'), '-1');
}
