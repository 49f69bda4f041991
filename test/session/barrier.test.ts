// The barrier between session and host, probed from both sides, fresh and after a resume.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ABSENT_DEVICES, PRESENT_DEVICES } from '../../src/session/barrier/devices.ts';
import { PROFILE_FILES, PROFILE_VARIABLES } from '../../src/session/barrier/environment.ts';
import { HIDDEN_FILES, READ_ONLY_FOLDERS } from '../../src/session/barrier/masked-paths.ts';
import { ERRNO } from '../../src/session/barrier/seccomp.ts';
import { Desktop } from '../../src/session/pod/desktop.ts';
import { openDevice } from '../../src/session/pod/open-device.ts';
import { suspendSession } from '../../src/session/process/checkpointing.ts';
import { captureInSession, type ProcessSession } from '../../src/session/process/processes.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { run } from '../../src/sync/process.ts';
import { DesktopLab } from '../desktop/desktop-lab.ts';
import { asHostRoot, CALLS, describeBarrier, type Guarded, tryCalls } from './probes/barrier-suite.ts';
import { VISIBLE_FILES } from './probes/inward.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';
import { until } from './until.ts';

const KERNEL_FOLDERS = ['dev', 'proc', 'sys'];
/** Of the desktops of tests. */
const CREDENTIAL = { passphrase: 'correct horse battery' };
const START = { choice: 'default', geometry: { width: 800, height: 600 } } as const;

/** Calls that the kernel refuses to whoever has no rights, before it looks at an argument. */
const NEEDS_RIGHTS = [
  'pivot_root',
  'move_mount',
  'fsopen',
  'fsmount',
  'fspick',
  'reboot',
  'swapon',
  'swapoff',
  'syslog',
];

const WHEN = ['fresh', 'resumed'] as const;
const onProgress = (): void => undefined;

describe('the barrier around a session', () => {
  let lab: DesktopLab;
  let desktop: Desktop;
  const guarded = (): Guarded => {
    assert.ok(desktop.session !== undefined, 'no session');
    return { session: desktop.session, stagingDir };
  };
  let stagingDir: string;

  before(async () => {
    lab = await DesktopLab.open();
    await lab.create();
    stagingDir = (await lab.stage()).dir;
    desktop = await Desktop.take(await openDevice(lab.image, CREDENTIAL), onProgress);
  });

  after(async () => {
    if (desktop?.session !== undefined) await desktop.stop();
    await desktop?.close();
    await lab.close();
  });

  for (const when of WHEN) {
    describe(`that is ${when}`, () => {
      before(async () => {
        if (when === 'resumed') {
          await plantSettings(`${stagingDir}/merged`, lab.dir);
          await desktop.suspend(onProgress);
        }
        const { resumedCheckpoint } = await desktop.start(START, onProgress);
        assert.equal(resumedCheckpoint, when === 'resumed' ? 1 : undefined);
        await guarded().session.settled;
      });

      describeBarrier('from both sides', guarded);
      describeProfile(() => guarded().session);
    });
  }

  describe('that has been resumed', () => {
    it('goes by no settings for CRIU that its files hold', () => {
      assert.equal(existsSync(join(lab.dir, 'criu-was-here')), false);
    });

    it('is what holds programs inside and users outside back: host root can do what they try', async () => {
      const verdicts = await asHostRoot(guarded());
      assert.deepEqual(
        Object.entries(verdicts).filter(([, verdict]) => !verdict.startsWith('allowed: ')),
        [],
      );
    });
  });

  it('shows other users of the host nothing but what SECURITY.md lists', async () => {
    const document = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8');
    assert.deepEqual(
      VISIBLE_FILES.filter((name) => !document.includes(`\`${name}\``)),
      [],
    );
  });
});

/** Settings in the places where CRIU looks for them: it would run a script of the host that leaves a file in `dir`. */
async function plantSettings(rootDir: string, dir: string): Promise<void> {
  const script = join(dir, 'script');
  await writeFile(script, `#!/bin/sh\ntouch ${dir}/criu-was-here\n`, { mode: 0o755 });
  for (const folder of ['etc/criu', 'root/.criu', 'home/user/.criu']) {
    await mkdir(join(rootDir, folder), { recursive: true });
    for (const name of ['default.conf', 'runc.conf'])
      await writeFile(join(rootDir, folder, name), `action-script ${script}\n`);
  }
}

/** Registers what the profile of a session promises that is no attempt to get out. */
function describeProfile(sessionOf: () => ProcessSession): void {
  let session: ProcessSession;
  before(() => {
    session = sessionOf();
  });

  it('lets programs use the calls that the table denies in part', async () => {
    const made = await shell(
      session,
      `perl -MSocket -e 'socket(S, $_, SOCK_DGRAM, 0) or die "$_: $!" for AF_UNIX, AF_INET, AF_INET6, 16; ` +
        `socket(T, AF_INET, SOCK_STREAM, 6) or die; syscall(434, $$ + 0, 0) > 0 or die; syscall(157, 38, 1, 0, 0, 0) == 0 or die; print "made"'`,
    );
    assert.equal(made, 'made');
  });

  it('lets programs make pipes and sockets in folders', async () => {
    assert.equal(await shell(session, 'cd && rm -f a && mkfifo a && test -p a && echo made'), 'made');
  });

  it('gives no process of the session any right', async () => {
    const status = await shell(
      session,
      "cat /proc/[0-9]*/status | grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' | sort -u",
    );
    assert.deepEqual(
      status.split('\n').map((line) => line.trim().split(/\s+/).join(' ')),
      [
        'CapAmb: 0000000000000000',
        'CapBnd: 0000000000000000',
        'CapEff: 0000000000000000',
        'CapInh: 0000000000000000',
        'CapPrm: 0000000000000000',
        'Gid: 1000 1000 1000 1000',
        'Groups:',
        'NoNewPrivs: 1',
        'Seccomp: 2',
        'Uid: 1000 1000 1000 1000',
      ],
    );
  });

  it('mounts nothing but its root and the file systems of the kernel', async () => {
    const mounts = await shell(session, "cut -d' ' -f5 /proc/self/mountinfo");
    for (const target of mounts.split('\n')) assert.match(target, /^\/($|proc|dev|sys)/);
  });

  it('has no number that a user of the host has', async () => {
    const status = await readFile(`/proc/${session.rootPid}/status`, 'utf8');
    assert.match(status, /^Uid:\s+1879049192\s/m);
  });

  it('shows the devices of the table and no others', async () => {
    const devices = await shell(session, 'ls -d /dev/*');
    assert.deepEqual(devices.split('\n'), PRESENT_DEVICES.map(({ path }) => path).sort());
    for (const { path } of ABSENT_DEVICES) {
      const { stderr } = await captureInSession(session, ['sh', '-c', `: <${path}`]);
      assert.match(stderr, /No such file|nonexistent/, path);
    }
  });

  it('shows the files of the kernel as the table says', async () => {
    for (const { path } of HIDDEN_FILES) assert.equal(await shell(session, `cat ${path} | wc -c`), '0', path);
    const readOnly = await shell(
      session,
      "awk '$6 ~ /^ro/ {print $5}' /proc/self/mountinfo 2>/dev/null || sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) ro.*/\\1/p' /proc/self/mountinfo",
    );
    for (const { path } of READ_ONLY_FOLDERS) assert.ok(readOnly.split('\n').includes(path), path);
  });

  it('gives every program the environment of the table, and Chromium its flags', async () => {
    const environment = (await shell(session, "tr '\\0' '\\n' </proc/1/environ")).split('\n');
    for (const { variables } of PROFILE_VARIABLES) {
      for (const [name, value] of Object.entries(variables)) {
        assert.ok(environment.includes(`${name}=${value}`), name);
        assert.equal(await shell(session, `printenv ${name}`), value);
      }
    }
    for (const { path, text } of PROFILE_FILES)
      assert.equal(await shell(session, `cat ${path}`), text.trimEnd());
  });

  it('never leads the host to another socket by a link', async () => {
    await shell(
      session,
      'cd /run/user/1000/deskpod && mv rfb.sock was && ln -s /run/dbus/system_bus_socket rfb.sock',
    );
    try {
      await assert.rejects(connectToSession(session.rootPid, 'rfb'), { code: 'ELOOP' });
    } finally {
      await shell(session, 'cd /run/user/1000/deskpod && rm rfb.sock && mv was rfb.sock');
    }
    // Nobody can ask the session for anything while its folder is away: it is put back when the host says so.
    const back =
      '(until [ -e back ]; do sleep 0.02; done; rm deskpod; mv was deskpod) </dev/null >/dev/null 2>&1 &';
    await shell(session, `cd /run/user/1000 && rm -f back && mv deskpod was && ln -s /run deskpod; ${back}`);
    try {
      await assert.rejects(connectToSession(session.rootPid, 'rfb'), { code: 'ENOTDIR' });
      assert.equal(await readlink(`/proc/${session.rootPid}/root/run/user/1000/deskpod`), '/run');
    } finally {
      await writeFile(`/proc/${session.rootPid}/root/run/user/1000/back`, '');
      await until(() => existsSync(`/proc/${session.rootPid}/root/run/user/1000/deskpod/rfb.sock`));
    }
  });
}

describe('a session without the filter', () => {
  it('is answered otherwise by the kernel, but for what needs rights that no session has', async () => {
    const lab = await openLab();
    try {
      await lab.mount('pod');
      const answers = await tryCalls(await lab.startUnfiltered('pod'));
      // Which families of sockets there are, and which calls at all, is the kernel's own affair.
      const same = CALLS.filter(
        ({ name, errno }) => answers[name] === errno && !name.startsWith('socket(') && errno !== ERRNO.ENOSYS,
      );
      assert.deepEqual(
        same.map(({ name }) => name.slice(0, name.indexOf('('))),
        NEEDS_RIGHTS,
      );
    } finally {
      await lab.close();
    }
  });
});

describe('a root file system in which the folders of the kernel are links to folders of the host', () => {
  let lab: SessionLab;
  beforeEach(async () => {
    lab = await openLab();
    await mkdir(`${lab.dir}/host`);
  });
  afterEach(async () => {
    assert.deepEqual(await readdir(`${lab.dir}/host`), []);
    await lab.close();
  });

  for (const name of KERNEL_FOLDERS) {
    it(`starts no session if /${name} is one`, async () => {
      const { mergedDir } = await lab.mount('pod');
      await replaceByLink(mergedDir, name, `${lab.dir}/host`);
      await assert.rejects(lab.start('pod'), { code: 'SESSION_START_FAILED' });
    });

    it(`resumes no session if /${name} is one`, async () => {
      const { mergedDir } = await lab.mount('pod');
      const imagesDir = await lab.imagesDir('one');
      await suspendSession(await lab.start('pod'), { imagesDir });
      await replaceByLink(mergedDir, name, `${lab.dir}/host`);
      await assert.rejects(lab.resume('pod', imagesDir), { code: 'RESUME_FAILED' });
    });
  }
});

async function replaceByLink(rootDir: string, name: string, target: string): Promise<void> {
  await run('rm', ['-r', '--one-file-system', '--', join(rootDir, name)]);
  await symlink(target, join(rootDir, name));
}
