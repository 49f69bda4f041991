// Packages into a pod: on a mounted root, as a session has it, while something runs there.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { findBase } from '../../src/session/base/base.ts';
import { installPackages } from '../../src/session/base/install.ts';
import { isPackageName } from '../../src/session/base/package-name.ts';
import { locateRuntime } from '../../src/session/host/runtime.ts';
import { type MountedLayer, mountLayer, unmount, unmountLayer } from '../../src/session/pod/layer.ts';
import { run } from '../../src/sync/process.ts';

describe('installPackages', function () {
  this.timeout(180_000);
  let dir: string;
  let layer: MountedLayer;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-install-'));
    // the session's root, one of its users here, must be able to pass
    await run('chmod', ['0711', dir]);
    await mkdir(join(dir, 'device'));
    await run('truncate', ['-s', '1G', join(dir, 'image')]);
    await run('mkfs.ext4', ['-q', join(dir, 'image')]);
    await run('mount', ['-o', 'loop', join(dir, 'image'), join(dir, 'device')]);
    const { path } = await findBase('desktop');
    const places = { upperDir: join(dir, 'device/upper'), workDir: join(dir, 'device/work') };
    layer = await mountLayer({ baseFile: path, ...places, stagingDir: join(dir, 'staging') });
  });
  afterEach(async () => {
    await unmountLayer(join(dir, 'staging'));
    await unmount(join(dir, 'device'));
    await rm(dir, { recursive: true });
  });

  it('puts packages into the layer under the ids of sessions, and tells which and how far it is', async () => {
    const steps: string[] = [];
    const { installed } = await installPackages({
      mergedDir: layer.mergedDir,
      packages: ['bc'],
      runtime: await locateRuntime(),
      onProgress: ({ step }) => steps.push(step),
    });
    assert.deepEqual(
      installed.map((line) => line.split(' ')[0]),
      ['bc'],
    );
    assert.ok(steps.some((step) => step.startsWith('Fetching ')));
    assert.ok(steps.some((step) => step.startsWith('Setting up bc ')));
    const answer = await run('chroot', [layer.mergedDir, 'sh', '-c', 'echo 6*7 | bc']);
    assert.equal(answer.stdout, '42');
    const foreign = await run('find', [join(dir, 'device/upper'), '-mindepth', '1', '-uid', '-1879048192']);
    assert.equal(foreign.stdout, '');
    // nothing of the host stays: not its name servers, not the downloads
    assert.equal(await readFile(join(layer.mergedDir, 'etc/resolv.conf'), 'utf8'), '');
    const archives = await readdir(join(layer.mergedDir, 'var/cache/apt/archives'));
    assert.deepEqual(
      archives.filter((name) => name.endsWith('.deb')),
      [],
    );
    await requireNothingLeft();
  });

  it('tells apt’s own sentence for a package that does not exist', async () => {
    const packages = ['no-such-package-anywhere'];
    const tried = installPackages({ mergedDir: layer.mergedDir, packages, runtime: await locateRuntime() });
    await assert.rejects(tried, (error: unknown) => {
      assert.ok(isDeskPodError(error, 'INSTALL_FAILED'));
      assert.match(error.message, /Unable to locate package no-such-package-anywhere/);
      assert.match(String(error.details.output), /Reading package lists/);
      return true;
    });
    await requireNothingLeft();
  });

  it('hints at the network when the archive cannot be reached', async () => {
    // port 9 of this machine: nothing listens there
    await writeFile(
      join(layer.mergedDir, 'etc/apt/sources.list'),
      'deb [trusted=yes] http://127.0.0.1:9/debian trixie main\n',
    );
    const options = { mergedDir: layer.mergedDir, packages: ['bc'], runtime: await locateRuntime() };
    await assert.rejects(installPackages(options), (error: unknown) => {
      assert.ok(isDeskPodError(error, 'INSTALL_FAILED'));
      assert.match(error.hint ?? '', /Connect this host to a network/);
      return true;
    });
  });

  it('ends with all its processes when it is stopped, and the next install goes on from there', async () => {
    const controller = new AbortController();
    const options = { mergedDir: layer.mergedDir, runtime: await locateRuntime() };
    const stopped = installPackages({
      ...options,
      packages: ['nano', 'bc'],
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step.startsWith('Unpacking ')) controller.abort();
      },
    });
    await assert.rejects(stopped, { code: 'CANCELLED' });
    await requireNothingLeft();
    await installPackages({ ...options, packages: ['nano', 'bc'] });
    assert.equal((await run('chroot', [layer.mergedDir, 'dpkg', '--audit'])).stdout, '');
    await run('chroot', [layer.mergedDir, 'nano', '--version']);
  });

  it('takes nothing but names of packages', async () => {
    const runtime = await locateRuntime();
    for (const name of ['--reinstall', 'foo-', './local.deb', 'foo/sid', 'foo=1', 'a b', 'x;id', '*']) {
      const tried = installPackages({ mergedDir: layer.mergedDir, packages: [name], runtime });
      await assert.rejects(tried, { code: 'INSTALL_FAILED' }, name);
    }
  });

  /** No process has its root in the mounted tree, and runc knows of none. */
  async function requireNothingLeft(): Promise<void> {
    const table = await readFile('/proc/self/mountinfo', 'utf8');
    assert.equal(table.split('\n').filter((line) => line.includes(layer.mergedDir)).length, 1);
    assert.deepEqual(await readdir('/run/deskpod-install/bundles'), []);
    assert.deepEqual(await readdir('/run/deskpod-install/runc'), []);
  }
});

describe('isPackageName', () => {
  it('knows the names of Debian’s policy', () => {
    for (const name of ['bc', 'g++', 'libc6', 'python3.13', 'libstdc++6', '0ad'])
      assert.ok(isPackageName(name), name);
    for (const name of ['', 'Bc', 'g', '-bc', 'bc-', 'b_c', 'bc:amd64', 'x'.repeat(200)]) {
      assert.ok(!isPackageName(name), name);
    }
  });
});
