// Time and names: what a program may have looked up stays as it was when the session goes on.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { DesktopLab } from './desktop-lab.ts';

const NAMES = 'hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id /proc/cpuinfo; ipcs -m -s';
/** Key, id and content of shared memory, and of a semaphore, that nobody has open any more. */
const MAKE_IPC = `perl -e '
  my $memory = shmget(0x1234, 4096, 01600); shmwrite($memory, "kept", 0, 4);
  my $semaphore = semget(0x5678, 1, 01600); semctl($semaphore, 0, 16, 7);'`;
const SHOW_IPC = `perl -e '
  my $memory = shmget(0x1234, 0, 0); shmread($memory, my $text, 0, 4);
  my $semaphore = semget(0x5678, 1, 0); print "$memory $text $semaphore ", semctl($semaphore, 0, 12, 0);'`;

describe('a session that goes on', () => {
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
    await lab.create();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('has the same names, boot, keys and ids, and clocks that never go back', async () => {
    await lab.start();
    await lab.shell(MAKE_IPC);
    const names = await lab.shell(NAMES);
    const ipc = await lab.shell(SHOW_IPC);
    assert.match(ipc, /^\d+ kept \d+ 7$/);
    const uptime = await upFor(lab);
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.start();
    assert.equal(await lab.shell(NAMES), names);
    assert.equal(await lab.shell(SHOW_IPC), ipc);
    assert.ok((await upFor(lab)) >= uptime);
  });

  it('is told of no more processors than it has the time of, wherever it goes on', async () => {
    const processors = () =>
      lab.shell(
        'getconf _NPROCESSORS_ONLN; grep -c ^processor /proc/cpuinfo; grep -c avx512 /proc/cpuinfo || true',
      );
    await lab.program.answer(['limit', ...lab.at(), '--cpus', '1']);
    await lab.start();
    assert.equal(await processors(), '1\n1\n0');
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.start();
    assert.equal(await processors(), '1\n1\n0');
  });

  it('has a boot of its own, which a fresh session is not in', async () => {
    const bootId = () => lab.shell('cat /proc/sys/kernel/random/boot_id');
    await lab.start();
    const first = await bootId();
    assert.match(first, /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.notEqual(`${first}\n`, await readFile('/proc/sys/kernel/random/boot_id', 'utf8'));
    await lab.program.answer(['stop', ...lab.at()]);
    await lab.start();
    assert.notEqual(await bootId(), first);
  });
});

async function upFor(lab: DesktopLab): Promise<number> {
  return Number.parseFloat(await lab.shell('cat /proc/uptime'));
}
