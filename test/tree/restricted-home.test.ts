// A home that its owner lets a device into by one line: the whole way with the program, from authorizing to restoring.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BranchReport } from '../../src/sync/pod/branches.ts';
import type { SyncReport } from '../../src/sync/pod/replicate.ts';
import { type LoopbackSshd, startSshd } from '../sync/support/loopback-sshd.ts';
import { openTreeLab, type TreeLab } from './tree-lab.ts';

describe('a home that was authorized', () => {
  let lab: TreeLab;
  let sshd: LoopbackSshd;
  beforeEach(async () => {
    lab = await openTreeLab();
    sshd = await startSshd(join(lab.temp, 'sshd'));
  });
  afterEach(async () => {
    await sshd.stop();
    await lab.close();
  });

  /** Lets the device into the lab's home, and into nothing else. */
  const authorize = async () => {
    const key = join(lab.temp, 'sshd', 'user.pub');
    const { line } = await lab.program.answer<{ line: string }>(['home', 'authorize', lab.home, key]);
    assert.match(line, /^command="[^"]* home receive [^"]*",restrict ssh-ed25519 /);
    sshd.restrict(line.slice(0, line.indexOf(' ssh-ed25519')));
    const device = lab.program.with({ env: { DESKPOD_SSH: sshd.sharedShell } });
    return { device, url: `ssh://${sshd.user}@127.0.0.1:${sshd.port}${lab.home}` };
  };

  it('takes a pod, gives it back, and keeps it from being taken away', async () => {
    const { device, url } = await authorize();
    await device.answer(['home', 'add', url, ...lab.at]);
    await lab.checkpoint();
    const { homes } = await device.answer<{ homes: readonly { sentObjects: number }[] }>(['sync', ...lab.at]);
    assert.ok((homes[0]?.sentObjects ?? 0) > 0);
    const restored = join(lab.temp, 'restored');
    await device.answer(['restore', '--from', url, '--to', restored]);
    assert.equal(await readFile(join(restored, 'letter.txt'), 'utf8'), 'a letter\n');
    // the restore has moved home's head on: what the former device has since is a branch there
    await lab.checkpoint();
    const { homes: after } = await device.answer<{ homes: readonly SyncReport[] }>(['sync', ...lab.at]);
    const { homes: known } = await device.answer<{ homes: readonly { branches: readonly BranchReport[] }[] }>(
      ['branches', ...lab.at],
    );
    const { branches } = known[0] ?? { branches: [] };
    assert.deepEqual(
      branches.map(({ deviceId, seq }) => [deviceId, seq]),
      [[after[0]?.branch, after[0]?.seq]],
    );
    // until it is promoted: the other one is the branch then
    const { promotedAt } = await device.answer<{ promotedAt: readonly string[] }>(['promote', ...lab.at]);
    assert.deepEqual(promotedAt, [url]);
    await device.answer(['checkpoint', '-d', restored]);
    const { homes: last } = await device.answer<{ homes: readonly SyncReport[] }>(['sync', '-d', restored]);
    assert.ok(last[0]?.branch !== undefined);
  });

  it('takes a device that was restored from another home and stands behind it, as that was noted of homes only', async () => {
    const { device, url } = await authorize();
    for (const other of [join(lab.temp, 'first'), join(lab.temp, 'second'), url])
      await device.answer(['home', 'add', other, ...lab.at]);
    await lab.checkpoint();
    await device.answer(['sync', ...lab.at]);
    await lab.restoreHere('restored', { from: join(lab.temp, 'first') });
    const restored = ['-d', join(lab.temp, 'restored')];
    const { homes } = await device.answer<{ homes: readonly SyncReport[] }>(['sync', url, ...restored]);
    assert.deepEqual([homes[0]?.branch, homes[0]?.notices], [undefined, []]);
  });
});
