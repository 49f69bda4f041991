// Bases: listed, imported and found by name or file; what the default base holds; builds that fail or are stopped.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { SHIFTED_ID_START } from '../../src/session/barrier/bundle.ts';
import { buildBase, findBase, importBase, listBases } from '../../src/session/base/base.ts';
import { locateRuntime } from '../../src/session/host/runtime.ts';
import { STAGING_ROOT } from '../../src/session/host/staging.ts';
import { run } from '../../src/sync/process.ts';

describe('bases', () => {
  let dir: string;
  let bases: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-base-'));
    bases = join(dir, 'bases');
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  /** A small image, as somebody else might have made it. */
  async function makeImage(content: string): Promise<string> {
    const tree = join(dir, 'tree');
    await mkdir(tree, { recursive: true });
    await writeFile(join(tree, 'file'), content);
    const image = join(dir, 'carried.erofs');
    await run((await locateRuntime()).mkfsErofsPath, ['--quiet', image, tree]);
    return image;
  }

  it('are none where there is no folder', async () => {
    assert.deepEqual(await listBases(bases), []);
  });

  it('are imported whole, then listed, and found by name and by file', async () => {
    const image = await makeImage('one');
    const sha256 = createHash('sha256')
      .update(await readFile(image))
      .digest('hex');
    const imported = await importBase(image, bases, 'one');
    assert.equal(imported.sha256, sha256);
    assert.deepEqual(await listBases(bases), [imported]);
    assert.deepEqual(await findBase('one', bases), imported);
    assert.deepEqual(await findBase(imported.path, bases), imported);
    assert.deepEqual(await readFile(imported.path), await readFile(image));
    assert.deepEqual(await readdir(join(bases, 'tmp')), []);
  });

  it('keep their description when they are imported again under another name', async () => {
    const first = await importBase(await makeImage('one'), bases, 'one');
    await writeFile(
      join(bases, 'one.json'),
      JSON.stringify({ ...first, packages: ['xterm'], debianRelease: 'trixie' }),
    );
    const second = await importBase(first.path, join(dir, 'elsewhere'), 'two');
    assert.deepEqual(
      { name: second.name, packages: second.packages, debianRelease: second.debianRelease },
      { name: 'two', packages: ['xterm'], debianRelease: 'trixie' },
    );
  });

  it('are replaced by an import of the same name', async () => {
    await importBase(await makeImage('one'), bases, 'same');
    const second = await importBase(await makeImage('another'), bases, 'same');
    assert.deepEqual(await listBases(bases), [second]);
  });

  it('are not imported when the image is not the one that its description tells of', async () => {
    const image = await makeImage('one');
    const { path, ...description } = await importBase(image, bases, 'one');
    await writeFile(join(dir, 'carried.json'), JSON.stringify({ ...description, sha256: '0'.repeat(64) }));
    await assert.rejects(importBase(image, bases, 'two'), { code: 'BASE_DAMAGED' });
    assert.deepEqual(
      (await listBases(bases)).map((base) => base.path),
      [path],
    );
  });

  it('are not made of files that are no EROFS image', async () => {
    const file = join(dir, 'notes.erofs');
    await writeFile(file, 'these are notes'.repeat(500));
    await assert.rejects(importBase(file, bases, 'notes'), { code: 'BASE_DAMAGED' });
    await writeFile(file, '');
    await assert.rejects(importBase(file, bases, 'notes'), { code: 'BASE_DAMAGED' });
  });

  it('that are shorter than their description says are not used', async () => {
    const base = await importBase(await makeImage('one'), bases, 'one');
    await truncate(base.path, base.sizeBytes - 1);
    await assert.rejects(findBase('one', bases), { code: 'BASE_DAMAGED' });
  });

  it('that do not exist are reported with what there is and how to make one', async () => {
    await assert.rejects(findBase('none', bases), (error: unknown) => {
      assert.ok(isDeskPodError(error, 'BASE_NOT_FOUND'));
      assert.match(error.hint ?? '', /deskpod base build/);
      return true;
    });
    await importBase(await makeImage('one'), bases, 'one');
    await assert.rejects(findBase('none', bases), (error: unknown) => {
      assert.ok(isDeskPodError(error, 'BASE_NOT_FOUND'));
      assert.match(error.hint ?? '', /There is one/);
      return true;
    });
    await assert.rejects(findBase(join(dir, 'none.erofs'), bases), { code: 'BASE_NOT_FOUND' });
    await assert.rejects(importBase(join(dir, 'none.erofs'), bases, 'x'), { code: 'BASE_NOT_FOUND' });
  });

  it('have names that lead nowhere else', async () => {
    const image = await makeImage('one');
    for (const name of ['../up', 'a/b', '', '.hidden', 'Upper', 'x.erofs']) {
      await assert.rejects(importBase(image, bases, name), { code: 'BASE_NOT_FOUND' }, name);
    }
  });
});

describe('the default base', () => {
  it('holds Debian 13 with the user, shifted ids, a working apt and no file that gives rights', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'deskpod-base-'));
    const base = await findBase('desktop');
    await run('mount', ['-t', 'erofs', '-o', 'loop,ro', base.path, dir]);
    try {
      assert.equal(base.debianRelease, 'trixie');
      assert.match(await readFile(join(dir, 'etc/debian_version'), 'utf8'), /^13/);
      assert.match(
        await readFile(join(dir, 'etc/passwd'), 'utf8'),
        /^user:x:1000:1000:.*:\/home\/user:\/bin\/bash$/m,
      );
      assert.equal(await readFile(join(dir, 'etc/machine-id'), 'utf8'), '');
      for (const program of [
        'Xvnc',
        'openbox',
        'xterm',
        'mousepad',
        'dbus-daemon',
        'xclip',
        'xprop',
        'perl',
        'apt-get',
      ]) {
        await access(join(dir, 'usr/bin', program));
      }
      const owners = await run('find', [dir, '-xdev', '-mindepth', '1', '-uid', `-${SHIFTED_ID_START}`]);
      assert.equal(owners.stdout, '');
      assert.equal((await run('find', [dir, '-xdev', '-type', 'f', '-perm', '/6000'])).stdout, '');
      assert.equal(
        (await run('stat', ['-c', '%u', join(dir, 'home/user')])).stdout,
        `${SHIFTED_ID_START + 1000}`,
      );
    } finally {
      await run('umount', [dir]);
      await rm(dir, { recursive: true });
    }
  });
});

describe('buildBase', () => {
  let outputDir: string;
  beforeEach(async () => {
    outputDir = await mkdtemp(join(tmpdir(), 'deskpod-build-'));
  });
  afterEach(() => rm(outputDir, { recursive: true, force: true }));

  it('refuses what is no name of a package before it starts anything', async () => {
    for (const name of ['../x', '--force', 'Foo', 'foo=1', 'foo-', 'a,b', '']) {
      await assert.rejects(
        buildBase({ name: 'test', extraPackages: [name], outputDir }),
        { code: 'BASE_BUILD_FAILED' },
        name,
      );
    }
    assert.deepEqual(await readdir(outputDir), []);
  });

  it('tells which package is unknown, keeps the log, and leaves nothing else', async () => {
    await assert.rejects(
      buildBase({ name: 'test', extraPackages: ['no-such-package-anywhere'], outputDir }),
      (error: unknown) => {
        assert.ok(isDeskPodError(error, 'BASE_BUILD_FAILED'));
        assert.match(error.message, /no-such-package-anywhere/);
        assert.equal(error.details.logFile, join(outputDir, 'test.log'));
        assert.equal(typeof error.details.lastLine, 'string');
        return true;
      },
    );
    assert.match(await readFile(join(outputDir, 'test.log'), 'utf8'), /no-such-package-anywhere/);
    assert.deepEqual((await readdir(outputDir)).sort(), ['test.log', 'tmp']);
    await requireNothingLeft(outputDir);
    // mmdebstrap looks for the packages when the essential ones are installed
  }).timeout(300_000);

  it('stops when it is told to, with every program and mount of it gone', async () => {
    const controller = new AbortController();
    const built = buildBase({
      name: 'test',
      outputDir,
      signal: controller.signal,
      onProgress: ({ step }) => {
        if (step.includes('extracting archives')) controller.abort();
      },
    });
    await assert.rejects(built, { code: 'CANCELLED' });
    await requireNothingLeft(outputDir);
  });

  it('holds no drive that is in use when it begins', async () => {
    const place = join(STAGING_ROOT, 'base-build-test', 'device');
    await mkdir(place, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'tmpfs', place]);
    try {
      const controller = new AbortController();
      let seenCount = 0;
      let holders: readonly string[] = [];
      const built = buildBase({
        name: 'test',
        outputDir,
        signal: controller.signal,
        onProgress: ({ step }) => {
          if (!step.includes('downloading packages')) return;
          const seen = mountsOfBuild(outputDir);
          seenCount = seen.length;
          holders = seen.filter((mounts) => mounts.includes(place));
          controller.abort();
        },
      });
      await assert.rejects(built, { code: 'CANCELLED' });
      assert.ok(seenCount > 0);
      assert.deepEqual(holders, []);
    } finally {
      await run('umount', [place]);
      await rm(join(STAGING_ROOT, 'base-build-test'), { recursive: true });
    }
  });
});

/** What is mounted for each process of a build that sees mounts of its own. */
function mountsOfBuild(outputDir: string): string[] {
  const ours = readlinkSync('/proc/self/ns/mnt');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readOf(() => readlinkSync(`/proc/${pid}/ns/mnt`)) !== ours)
    .filter((pid) => readOf(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).includes(outputDir))
    .map((pid) => readOf(() => readFileSync(`/proc/${pid}/mountinfo`, 'utf8')))
    .filter((mounts) => mounts !== '');
}

function readOf(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // it has ended
  }
}

async function requireNothingLeft(outputDir: string): Promise<void> {
  assert.deepEqual(await readdir(join(outputDir, 'tmp')), []);
  assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(outputDir));
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    assert.ok(
      !commandLine.includes(outputDir),
      `process ${pid} goes on: ${commandLine.replaceAll('\0', ' ')}`,
    );
  }
}
