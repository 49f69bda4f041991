// The runtime folder: found whole, refused when something is missing or too old, and at home wherever it lies.
import assert from 'node:assert/strict';
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeskPodError } from '../../src/core/errors.ts';
import { compareVersions, locateRuntime, runtimeDir } from '../../src/session/host/runtime.ts';
import { run } from '../../src/sync/process.ts';

describe('locateRuntime', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'deskpod-runtime-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('finds the programs that ops/setup made, and they are what the folder says', async () => {
    const runtime = await locateRuntime();
    const criu = await run(runtime.criuPath, ['--version']);
    const runc = await run(runtime.runcPath, ['--version']);
    const erofs = await run(runtime.mkfsErofsPath, ['-V']);
    assert.equal(/^Version: (\S+)/m.exec(criu.stdout)?.[1], runtime.criuVersion);
    assert.equal(/^runc version ([\d.]+)/m.exec(runc.stdout)?.[1], runtime.runcVersion);
    assert.match(`${erofs.stdout}${erofs.stderr}`, /mkfs\.erofs/);
  });

  it('gives programs that run from wherever the folder was moved', async () => {
    const moved = join(dir, 'on a drive');
    await cp(runtimeDir(), moved, { recursive: true });
    const runtime = await locateRuntime(moved);
    await run(runtime.criuPath, ['--version']);
    await run(runtime.runcPath, ['--version']);
    // and the folder that has not moved still runs after the moved one is gone
    await rm(moved, { recursive: true });
    await run((await locateRuntime()).runcPath, ['--version']);
  });

  it('refuses a folder that is not there, and names ops/setup', async () => {
    await assert.rejects(locateRuntime(join(dir, 'none')), (error: unknown) => {
      assert.ok(isDeskPodError(error, 'RUNTIME_MISSING'));
      assert.match(error.hint ?? '', /ops\/setup/);
      return true;
    });
  });

  it('refuses a criu and a runc that are too old', async () => {
    await fakeRuntime(dir, { criu: '4.1.1', runc: '1.3.6', erofs: '1.9' });
    await assert.rejects(locateRuntime(dir), {
      code: 'RUNTIME_MISSING',
      message: /criu: expected version 4\.2/,
    });
    await fakeRuntime(dir, { criu: '4.2', runc: '1.1.5', erofs: '1.9' });
    await assert.rejects(locateRuntime(dir), {
      code: 'RUNTIME_MISSING',
      message: /runc: expected version 1\.3\.6/,
    });
  });

  it('refuses a folder that lacks a program, or whose versions are no versions', async () => {
    await fakeRuntime(dir, { criu: '4.2', runc: '1.3.6', erofs: '1.9' });
    assert.equal((await locateRuntime(dir)).criuVersion, '4.2');
    await chmod(join(dir, 'bin/runc'), 0o644);
    await rm(join(dir, 'bin/criu'));
    await assert.rejects(locateRuntime(dir), {
      code: 'RUNTIME_MISSING',
      message: /criu: expected a program/,
    });
    await writeFile(join(dir, 'versions.json'), '"4.2"');
    await assert.rejects(locateRuntime(dir), { code: 'RUNTIME_MISSING' });
  });
});

describe('compareVersions', () => {
  it('compares number by number, not letter by letter', () => {
    assert.ok(compareVersions('4.10', '4.9') > 0);
    assert.ok(compareVersions('4.2', '4.2.1') < 0);
    assert.equal(compareVersions('1.3.0', '1.3'), 0);
  });
});

async function fakeRuntime(dir: string, versions: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  for (const name of ['criu', 'runc', 'mkfs.erofs']) {
    await writeFile(join(dir, 'bin', name), '#!/bin/sh\n', { mode: 0o755 });
  }
  await writeFile(join(dir, 'versions.json'), JSON.stringify(versions));
}
