// What goes wrong at a home: each fault has its error and its next step, nothing is lost, and the next push works.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type ErrorCode, isDeskPodError } from '../../src/core/errors.ts';
import type { Home } from '../../src/sync/home/home.ts';
import { openRsyncHome, type RsyncHomeOptions } from '../../src/sync/home/rsync-home.ts';
import { headAt, POD, writeKeyring, writeObject } from './support/home-contract.ts';
import { killAll } from './support/kill-all.ts';
import { startRsyncd } from './support/loopback-rsyncd.ts';
import { type LoopbackSshd, startSshd } from './support/loopback-sshd.ts';
import { makeTempFolder } from './support/temp-folder.ts';

describe('a fault of a home', () => {
  let temp: ReturnType<typeof makeTempFolder>;
  let repository: string;
  let folder: string;
  let object: string;
  beforeEach(async () => {
    temp = makeTempFolder();
    repository = join(temp.path, 'repository');
    folder = join(temp.path, 'home');
    object = writeObject(repository, Buffer.from('an object'));
    await openRsyncHome(folder).initialise();
  });
  afterEach(() => temp.remove());

  const saysPlainly = async (act: Promise<unknown>, code: ErrorCode, says: RegExp): Promise<void> => {
    await assert.rejects(act, (error) => {
      assert.ok(isDeskPodError(error, code), String(error));
      assert.match(error.message, says);
      assert.ok(error.hint);
      return true;
    });
  };
  const behind = async <T>(
    sshd: LoopbackSshd,
    work: (home: Home) => Promise<T>,
    { shell = sshd.shell, streams }: Pick<RsyncHomeOptions, 'shell' | 'streams'> = {},
  ): Promise<T> => {
    try {
      const url = `ssh://${sshd.user}@127.0.0.1:${sshd.port}${folder}`;
      return await work(
        openRsyncHome(url, {
          ...{ shell, bytesPerSecond: 10 * 1024 * 1024 },
          ...(streams === undefined ? {} : { streams }),
        }),
      );
    } finally {
      await sshd.stop();
    }
  };
  /** A host where programs are looked for in `path` only. */
  const hostWithPath = (path: string) => startSshd(join(temp.path, 'sshd'), [`SetEnv PATH=${path}`]);

  it('is told when its host has no rsync', async () => {
    const sshd = await hostWithPath(join(temp.path, 'empty'));
    await behind(sshd, (home) =>
      saysPlainly(home.push(repository, POD, [object]), 'HOME_UNREACHABLE', /the host has no rsync/),
    );
  });

  /** A host with this host's rsync, in which the names of some options are misspelled: it does not know them. */
  const hostWithoutOptions = (...options: readonly string[]) => {
    const old = join(temp.path, 'old');
    mkdirSync(old);
    const program = readFileSync(execFileSync('which', ['rsync'], { encoding: 'utf8' }).trim());
    for (const option of options)
      program.write(option.replace(/.$/, '_'), program.indexOf(`\0${option}\0`) + 1);
    writeFileSync(join(old, 'rsync'), program, { mode: 0o755 });
    for (const option of options)
      assert.throws(
        () => execFileSync(join(old, 'rsync'), [option, '--version'], { stdio: 'pipe' }),
        /unknown option/,
      );
    return hostWithPath(`${old}:/usr/bin:/bin`);
  };
  /** A host whose rsync is a script before the real one. */
  const hostWithScript = (script: string) => {
    const folder = join(temp.path, 'scripts');
    mkdirSync(folder);
    const real = execFileSync('which', ['rsync'], { encoding: 'utf8' }).trim();
    writeFileSync(join(folder, 'rsync'), `#!/bin/sh\n${script.replace('RSYNC', real)}\n`, { mode: 0o755 });
    return hostWithPath(`${folder}:/usr/bin:/bin`);
  };

  it('is none when its host has a real rsync that does not know --fsync', async () => {
    await behind(await hostWithoutOptions('--fsync'), async (home) => {
      await home.push(repository, POD, [object]);
      assert.deepEqual(await home.list(POD), new Map([[object, 9]]));
    });
  });

  it('is none either when several streams find out at the same time that it does not', async () => {
    const objects = Array.from({ length: 16 }, () => writeObject(repository, randomBytes(9)));
    const sshd = await hostWithoutOptions('--fsync');
    const push = (home: Home) => home.push(repository, POD, objects, { isUnasked: true });
    assert.equal((await behind(sshd, push, { streams: 4 })).streams, 4);
  });

  /** As rsync says it when a folder that was not there a moment ago is there. */
  const CANNOT_MAKE = `echo 'rsync: [Receiver] mkdir "/home" failed: File exists (17)' >&2; exit 11`;

  it('is none when another push makes its folder at the same moment', async () => {
    const sshd = await hostWithScript(
      `mkdir ${join(temp.path, 'raced')} 2>/dev/null && { ${CANNOT_MAKE}; }\nexec RSYNC "$@"`,
    );
    await behind(sshd, (home) => home.push(repository, POD, [object], { isUnasked: true }));
    assert.ok(existsSync(join(temp.path, 'raced')));
  });

  it('is told when its folder cannot be made', async () => {
    await behind(await hostWithScript(CANNOT_MAKE), (home) =>
      saysPlainly(
        home.push(repository, POD, [object], { isUnasked: true }),
        'HOME_UNREACHABLE',
        /File exists/,
      ),
    );
  });

  it('is told when its host has an rsync that is too old', async () => {
    await behind(await hostWithoutOptions('--ignore-missing-args', '--delete-missing-args'), (home) =>
      saysPlainly(home.push(repository, POD, [object]), 'HOME_UNREACHABLE', /older than 3\.1/),
    );
  });

  it('is told when its host prints something before rsync does', async () => {
    await behind(await hostWithScript('echo Welcome!\nexec RSYNC "$@"'), (home) =>
      saysPlainly(home.push(repository, POD, [object]), 'HOME_UNREACHABLE', /something that is not rsync's/),
    );
  });

  for (const protocol of [29, 30])
    it(`is none when its host has an rsync that speaks protocol ${protocol}`, async () => {
      const asked = join(temp.path, 'asked');
      const script = `shift\n: >${asked}\nexec RSYNC --server --protocol=${protocol} "$@"`;
      const work = async (home: Home): Promise<void> => {
        const [changed, keyring, kept] = [
          writeObject(repository, randomBytes(300_000)),
          writeKeyring(repository),
          writeObject(repository, Buffer.from('kept')),
        ];
        await home.push(repository, POD, [object, changed, keyring, kept]);
        await home.writeHead(POD, headAt(1));
        assert.deepEqual(new Uint8Array((await home.head(POD)) ?? []), headAt(1));
        writeFileSync(join(folder, 'pods', POD, changed), 'rot');
        assert.deepEqual((await home.verifyObjects(POD))?.damaged, [changed]);
        await home.replace(repository, POD, [changed]);
        await home.remove(POD, [kept]);
        const left = new Map([
          [object, 9],
          [changed, 300_000],
          [keyring, 9],
        ]);
        assert.deepEqual(new Map([...(await home.list(POD))]), left);
        assert.deepEqual(await home.list(POD, [changed, kept]), new Map([[changed, 300_000]]));
        const pulled = join(temp.path, 'pulled');
        mkdirSync(pulled);
        await home.pull(POD, pulled, { objects: [changed] });
        assert.deepEqual(readFileSync(join(pulled, changed)), readFileSync(join(repository, changed)));
      };
      const sshd = await hostWithScript(script);
      await behind(sshd, work, { shell: sshd.sharedShell });
      assert.ok(existsSync(asked));
    });

  it('is told when this host has no rsync', async () => {
    const { PATH } = process.env;
    process.env.PATH = join(temp.path, 'empty');
    try {
      await saysPlainly(openRsyncHome(folder).head(POD), 'RUNTIME_MISSING', /not installed on this host/);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('is told when its folder belongs to somebody else', async () => {
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'pods'), 0o555);
    chmodSync(temp.path, 0o755);
    // root may write anywhere: the daemon is somebody else then
    const user: Record<string, string> = process.getuid?.() === 0 ? { uid: 'nobody', gid: 'nogroup' } : {};
    chmodSync(join(folder, 'deskpod-home'), 0o644);
    const daemon = await startRsyncd(join(temp.path, 'rsyncd'), { home: { path: folder, ...user } });
    try {
      const home = openRsyncHome(`rsync://127.0.0.1:${daemon.port}/home`);
      assert.equal((await home.probe()).state, 'ready');
      await saysPlainly(home.push(repository, POD, [object]), 'TARGET_WRITE_FAILED', /by this user/);
      chmodSync(join(folder, 'pods'), 0o777);
      await home.push(repository, POD, [object]);
      assert.deepEqual(await home.list(POD), new Map([[object, 9]]));
    } finally {
      await daemon.stop();
    }
  });

  it('is a cut connection, after which a large object goes on where it was', async () => {
    const large = writeObject(repository, randomBytes(32_000_000));
    const sshd = await startSshd(join(temp.path, 'sshd'));
    await behind(sshd, async (home) => {
      let isCut = false;
      const push = home.push(repository, POD, [large], {
        onProgress: ({ doneBytes = 0 }) => {
          if (isCut || doneBytes === 0) return;
          isCut = true;
          killAll(programsOf(sshd.pid, /^sshd/));
        },
      });
      await saysPlainly(push, 'HOME_UNREACHABLE', /interrupted/);
      assert.ok(isCut);
      const place = join(folder, 'pods', POD, large);
      assert.ok(!existsSync(place));
      const part = join(dirname(place), '.partial', basename(place));
      while (!existsSync(part)) await new Promise((resolve) => setTimeout(resolve, 20));
      const keptBytes = statSync(part).size;
      const { wireBytes } = await home.push(repository, POD, [large]);
      const mostBytes = 32_000_000 - keptBytes + 1_000_000;
      assert.ok(
        wireBytes < mostBytes,
        `with ${keptBytes} there, ${wireBytes} bytes were sent the second time`,
      );
      assert.equal(statSync(place).size, 32_000_000);
      assert.ok(!existsSync(dirname(part)));
    });
    assert.deepEqual((await openRsyncHome(folder).verifyObjects(POD))?.damaged, []);
  });

  it('is no reason to send a large object to a folder again from the start', async () => {
    const large = writeObject(repository, randomBytes(32_000_000));
    const home = openRsyncHome(folder, { bytesPerSecond: 24 * 1024 * 1024 });
    let isKilled = false;
    const push = home.push(repository, POD, [large], {
      onProgress: ({ doneBytes = 0 }) => {
        if (isKilled || doneBytes < 12_000_000) return;
        isKilled = true;
        killAll(programsOf(process.pid, /^rsync$/));
      },
    });
    await assert.rejects(push, (error) => isDeskPodError(error, 'HOME_UNREACHABLE'));
    const { wireBytes } = await home.push(repository, POD, [large]);
    assert.ok(wireBytes < 24_000_000, `${wireBytes} bytes were sent the second time`);
    assert.deepEqual(await home.verifyObjects(POD), { checkedObjects: 1, damaged: [] });
  });
});

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/**
 * The programs of this name that a process has started, and those that these have started: from OpenSSH 9.8 on a
 * connection has two, also one of root, and either goes on without the other.
 */
function programsOf(pid: number, name: RegExp): number[] {
  return childrenOf(pid)
    .filter((child) => name.test(readFileSync(`/proc/${child}/comm`, 'utf8').trim()))
    .flatMap((child) => [child, ...programsOf(child, name)]);
}
