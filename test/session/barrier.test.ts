// The barrier between session and host, probed from both sides, fresh and after a resume.
import assert from 'node:assert/strict';
import { readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { DENIED_CALLS, type DeniedCalls } from '../../src/session/barrier/denied-calls.ts';
import { ABSENT_DEVICES, PRESENT_DEVICES } from '../../src/session/barrier/devices.ts';
import { PROFILE_FILES, PROFILE_VARIABLES } from '../../src/session/barrier/environment.ts';
import { HIDDEN_FILES, READ_ONLY_FOLDERS } from '../../src/session/barrier/masked-paths.ts';
import { ERRNO } from '../../src/session/barrier/seccomp.ts';
import {
  captureInSession,
  type ProcessSession,
  suspendSession,
} from '../../src/session/process/processes.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { ProcessError, run } from '../../src/sync/process.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';
import { SYSCALL_NUMBERS } from './syscall-numbers.ts';

/** One probe: a call with arguments that a row of the table denies, and the errno that the table promises. */
interface Probe {
  readonly name: string;
  readonly call: readonly number[];
  readonly errno: number;
}

/** Arguments with which the kernel itself would have nothing against a call; all others are 0. */
const FIRST_ARGUMENTS: Readonly<Record<string, number>> = { seccomp: 1, pidfd_open: 1 };

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

/** Every call of the table, with each of the arguments that its row names. */
const PROBES: readonly Probe[] = DENIED_CALLS.flatMap(({ names, errno, arguments: matches }) =>
  names.flatMap((name) =>
    argumentsOf(name, matches).map((call) => ({
      name: `${name}(${call.join(', ')})`,
      call: [SYSCALL_NUMBERS[name] ?? Number.NaN, ...call],
      errno: ERRNO[errno],
    })),
  ),
);

function argumentsOf(name: string, matches: DeniedCalls['arguments']): readonly (readonly number[])[] {
  const nothing = [FIRST_ARGUMENTS[name] ?? 0, 0, 0, 0, 0, 0];
  if (matches === undefined) return [nothing];
  return matches.flatMap((match) => {
    const values = 'atLeast' in match ? [match.atLeast, match.atLeast + 22] : match.values;
    return values.map((value) => nothing.with(match.index, value));
  });
}

/** What a program of the session is told by each probe. */
async function probe(session: ProcessSession): Promise<Readonly<Record<string, number>>> {
  // syscall() wants values that it may write to. A child makes each call: one that works may change its process.
  const program =
    'for (@ARGV) { my @values = map { $_ + 0 } split / /; defined(my $pid = fork) or die; ' +
    'if ($pid == 0) { $! = 0; my $result = syscall(shift @values, @values); exit($result == -1 ? $! + 0 : 0) } ' +
    'waitpid $pid, 0; print $? >> 8, "\\n" }';
  const calls = PROBES.map(({ call }) => call.join(' '));
  const { stdout } = await captureInSession(session, ['perl', '-e', program, ...calls]);
  const answers = stdout.trim().split('\n').map(Number);
  return Object.fromEntries(PROBES.map(({ name }, index) => [name, answers[index] ?? Number.NaN]));
}

for (const when of ['fresh', 'resumed'] as const) {
  describe(`the barrier around a ${when} session`, function () {
    this.timeout(120_000);
    let lab: SessionLab;
    let session: ProcessSession;

    before(async () => {
      lab = await openLab();
      await lab.mount('pod');
      session = await lab.start('pod');
      if (when === 'resumed') {
        const imagesDir = await lab.imagesDir('one');
        await suspendSession(session, { imagesDir });
        session = await lab.resume('pod', imagesDir);
      }
      await session.settled;
    });

    after(async () => {
      await lab.close();
    });

    it('denies every call of the table', async () => {
      assert.deepEqual(
        await probe(session),
        Object.fromEntries(PROBES.map(({ name, errno }) => [name, errno])),
      );
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

    it("shows none of the host's processes, and all of its own with ids that no user of the host has", async () => {
      const inside = await shell(session, "ls /proc | grep -c '^[0-9]'");
      assert.ok(Number(inside) < 30, inside);
      assert.equal(
        await shell(session, 'cat /proc/1/cmdline | tr "\\0" " " | cut -d" " -f1'),
        '/usr/bin/perl',
      );
      const status = await readFile(`/proc/${session.rootPid}/status`, 'utf8');
      assert.match(status, /^Uid:\s+1879049192\s/m);
    });

    it("shows nothing of the host's files", async () => {
      const mounts = await shell(
        session,
        "awk '{print $5}' /proc/self/mountinfo 2>/dev/null || cut -d' ' -f5 /proc/self/mountinfo",
      );
      for (const target of mounts.split('\n')) assert.match(target, /^\/($|proc|dev|sys)/);
      assert.equal(await shell(session, `ls -d ${lab.dir} /work /root/.ssh 2>/dev/null; true`), '');
      assert.equal(
        await shell(session, 'cd /; ls -di / /proc/1/root/. ../../.. | cut -d" " -f1 | sort -u | wc -l'),
        '1',
      );
      assert.equal(
        await shell(session, 'ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c -F /var/tmp/deskpod; true'),
        '0',
      );
    });

    it('hides what the kernel tells of the host, and what would act on it', async () => {
      for (const path of [
        '/proc/sys/kernel/core_pattern',
        '/proc/sysrq-trigger',
        '/proc/irq/0/smp_affinity',
        '/sys/kernel/uevent_helper',
        '/proc/kcore',
        '/dev/kmsg',
        '/dev/mem',
      ]) {
        const { exitCode } = await captureInSession(session, ['sh', '-c', `echo x >${path}`]);
        assert.notEqual(exitCode, 0, path);
      }
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
      for (const { path } of HIDDEN_FILES)
        assert.equal(await shell(session, `cat ${path} | wc -c`), '0', path);
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

    it("has its own network: not the host's loopback, nor its abstract sockets", async () => {
      const server = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      try {
        const gateway = await shell(
          session,
          "ip route 2>/dev/null | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'",
        );
        for (const host of ['127.0.0.1', ...(gateway === '' ? [] : [gateway])]) {
          const program =
            'use Socket; socket(my $s, AF_INET, SOCK_STREAM, 0); $SIG{ALRM} = sub { exit 3 }; alarm 2; exit(connect($s, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) ? 0 : 3)';
          const { exitCode } = await captureInSession(session, ['perl', '-e', program, host, `${port}`]);
          assert.equal(exitCode, 3, host);
        }
      } finally {
        server.close();
      }
      const abstract = createServer();
      await new Promise<void>((resolve) => abstract.listen(`\0deskpod-${process.pid}`, resolve));
      try {
        assert.match(await readFile('/proc/net/unix', 'utf8'), new RegExp(`@deskpod-${process.pid}`));
        assert.equal(await shell(session, "grep -o '@.*' /proc/net/unix | sort -u"), '@/tmp/.X11-unix/X1');
      } finally {
        abstract.close();
      }
    });

    it("keeps out a process of the host with the same number as the session's user", async () => {
      const { rootPid } = session;
      const attack = (script: string) =>
        run('setpriv', ['--reuid', '1000', '--regid', '1000', '--clear-groups', 'sh', '-c', script]).then(
          () => 'allowed',
          (error: unknown) => {
            if (error instanceof ProcessError) return 'denied';
            throw error;
          },
        );
      for (const script of [
        `kill -0 ${rootPid}`,
        `kill -STOP ${rootPid}`,
        `cat /proc/${rootPid}/environ`,
        `cat /proc/${rootPid}/maps`,
        `head -c 1 /proc/${rootPid}/mem`,
        `ls /proc/${rootPid}/fd`,
        `ls /proc/${rootPid}/root/`,
        `ls /proc/${rootPid}/cwd/`,
        `readlink /proc/${rootPid}/exe`,
        `readlink /proc/${rootPid}/ns/net`,
        `renice 5 ${rootPid}`,
        `taskset -p 1 ${rootPid}`,
        `prlimit --pid ${rootPid} --nofile=10:10`,
        `echo 100 >/proc/${rootPid}/oom_score_adj`,
      ]) {
        assert.equal(await attack(script), 'denied', script);
      }
      assert.equal(await attack('true'), 'allowed');
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
      await shell(session, 'cd /run/user/1000 && mv deskpod was && ln -s /run deskpod');
      await assert.rejects(connectToSession(session.rootPid, 'rfb'), { code: 'ENOTDIR' });
      assert.equal(await readlink(`/proc/${session.rootPid}/root/run/user/1000/deskpod`), '/run');
    });
  });
}

describe('a session without the filter', function () {
  this.timeout(120_000);

  it('is answered otherwise by the kernel, but for what needs rights that no session has', async () => {
    const lab = await openLab();
    try {
      await lab.mount('pod');
      const answers = await probe(await lab.startUnfiltered('pod'));
      // Which families of sockets there are, and which calls at all, is the kernel's own affair.
      const same = PROBES.filter(
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
