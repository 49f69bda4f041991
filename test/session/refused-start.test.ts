// Starts that are refused because of the host, the base or the device: by a code, with nothing touched.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readMounts } from '../../src/session/host/mount-table.ts';
import { runtimeDir } from '../../src/session/host/runtime.ts';
import { run } from '../../src/sync/process.ts';
import { DesktopLab } from '../desktop/desktop-lab.ts';
import { DeviceBench, failureOf } from './device-bench.ts';
import { openLab } from './session-fixture.ts';

/** What a kernel may lack, where it shows that, and words of a shell that take it out. */
const LACKING: readonly [what: string, file: string, script: string][] = [
  ['EROFS', '/proc/filesystems', 'grep -v erofs'],
  ['overlay', '/proc/filesystems', 'grep -v overlay'],
  ['user namespaces', '/proc/sys/user/max_user_namespaces', 'sed s/.*/0/'],
];
/** On a host that has it there is nothing to refuse. */
const itWithoutModule = existsSync('/dev/deskpod') ? () => undefined : it;
const ELF_MACHINE_OFFSET = 18;
const AARCH64 = 183;

describe('a start', () => {
  describe('of a suspended pod', () => {
    let lab: DesktopLab;
    before(async () => {
      lab = await DesktopLab.open();
      await lab.create();
      await lab.start();
      await lab.program.answer(['suspend', ...lab.at()]);
    });
    after(() => lab.close());

    // The log says all of a pod: its position is what it was.
    let seq: number;
    beforeEach(async () => {
      ({ seq } = await lab.status());
    });
    afterEach(async () => {
      assert.equal((await lab.status()).seq, seq);
    });

    it('is refused with a CRIU that is too old', async () => {
      const old = join(lab.dir, 'old');
      await mkdir(old);
      await symlink(join(runtimeDir(), 'bin'), join(old, 'bin'));
      const versions = JSON.stringify({ criu: '3.17.1', runc: '1.3.6', erofs: '1.8.6' });
      await writeFile(join(old, 'versions.json'), versions);
      const program = lab.program.with({ env: { DESKPOD_RUNTIME: old } });
      const { message, hint } = await program.failure('RUNTIME_MISSING', ['start', lab.image, '--no-view']);
      assert.match(message, /criu: expected version 4\.2 or newer, got 3\.17\.1/);
      assert.ok(hint !== undefined);
    });

    itWithoutModule(
      'is refused without the kernel module if that is asked for, before a passphrase is',
      async () => {
        const program = lab.program.with({ env: { DESKPOD_PASSPHRASE_FILE: undefined } });
        const args = ['start', lab.image, '--no-view', '--require-tier', 'kmod'];
        const { message, hint } = await program.failure('TIER_UNAVAILABLE', args);
        assert.match(message, /^expected the barrier's tier kmod, got namespaces: /);
        assert.ok(hint !== undefined);
      },
    );

    for (const [what, file, script] of LACKING) {
      it(`is refused by a kernel that shows no ${what}`, async () => {
        const fake = join(lab.dir, 'shown');
        const show = `${script} <${file} >${fake}; mount --bind ${fake} ${file}; exec "$@"`;
        const program = lab.program.with({ through: ['unshare', '--mount', 'sh', '-ec', show, 'sh'] });
        const { message, hint } = await program.failure('HOST_UNSUPPORTED', [
          'start',
          lab.image,
          '--no-view',
        ]);
        assert.ok(message.startsWith(`this host lacks ${what}: `), message);
        assert.ok(hint !== undefined);
        const { dir } = await lab.stage();
        const mounted = (await readMounts()).map(({ mountPoint }) => mountPoint);
        assert.deepEqual(
          mounted.filter((path) => path.startsWith(dir)),
          [],
        );
      });
    }

    it('is refused if its image may not be written', async () => {
      await run('chattr', ['+i', lab.image]);
      try {
        const { hint } = await lab.program.failure('MOUNT_FAILED', ['start', lab.image, '--no-view']);
        assert.match(hint ?? '', /write-protected/);
      } finally {
        await run('chattr', ['-i', lab.image]);
      }
    });
  });

  it('is refused on a base for another processor', async () => {
    const lab = await openLab();
    try {
      const { mergedDir } = await lab.mount('pod');
      const file = await open(`${mergedDir}/usr/bin/perl`, 'r+');
      await file.write(Buffer.from([AARCH64, 0]), 0, 2, ELF_MACHINE_OFFSET);
      await file.close();
      await assert.rejects(lab.start('pod'), {
        code: 'HOST_UNSUPPORTED',
        message: /for aarch64, and this host is/,
      });
    } finally {
      await lab.close();
    }
  });

  it('is refused from a drive that is write-protected, which is let go of', async () => {
    const bench = await DeviceBench.open();
    try {
      const image = await bench.image();
      const { stdout: drive } = await run('losetup', ['--find', '--show', '--read-only', image]);
      bench.atEnd(() => run('losetup', ['-d', drive]));
      const failure = await failureOf('MOUNT_FAILED', () => bench.mount(drive));
      assert.match(failure.message, /write-protected/);
    } finally {
      await bench.close();
    }
  });
});
