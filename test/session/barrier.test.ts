// The barrier between session and host, probed from both sides, fresh and after a resume.
import assert from 'node:assert/strict';
import { readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import {
  captureInSession,
  type ProcessSession,
  suspendSession,
} from '../../src/session/process/processes.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { ProcessError, run } from '../../src/sync/process.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

const EPERM = '1';
const EINVAL = '22';
const ENOSYS = '38';
const EAFNOSUPPORT = '97';

/** Calls by their number on x86-64, each with what the session must be told. */
const DENIED: readonly (readonly [name: string, call: string, errno: string])[] = [
  ['mount', '165, "none", "/tmp", "tmpfs", 0, 0', EPERM],
  ['umount2', '166, "/proc", 2', EPERM],
  ['pivot_root', '155, "/", "/"', EPERM],
  ['chroot', '161, "/tmp"', EPERM],
  ['setns', '308, 0, 0', EPERM],
  ['unshare of a user namespace', '272, 0x10000000', EPERM],
  ['unshare of a mount namespace', '272, 0x20000', EPERM],
  ['clone of a user namespace', '56, 0x10000011, 0, 0, 0, 0', EPERM],
  ['clone3', '435, 0, 0', ENOSYS],
  ['ptrace', '101, 0, 0, 0, 0', EPERM],
  ['open_by_handle_at', '304, 0, 0, 0', EPERM],
  ['open_tree', '428, -100, "/", 1', EPERM],
  ['move_mount', '429, 0, "", 0, "", 0', EPERM],
  ['fsopen', '430, "proc", 0', EPERM],
  ['mount_setattr', '442, -100, "/", 0, 0, 0', EPERM],
  ['mknod of a block device', '133, "/tmp/vda", 0x61b0, 0xfe00', EPERM],
  ['mknodat of a character device', '259, -100, "/tmp/mem", 0x21b0, 0x101', EPERM],
  ['kexec_load', '246, 0, 0, 0, 0', EPERM],
  ['init_module', '175, 0, 0, ""', EPERM],
  ['bpf', '321, 0, 0, 0', EPERM],
  ['perf_event_open', '298, 0, 0, 0, 0, 0', EPERM],
  ['keyctl', '250, 0, -3', EPERM],
  ['add_key', '248, "user", "x", "y", 1, -3', EPERM],
  ['request_key', '249, "user", "x", 0, 0', EPERM],
  ['syslog', '103, 3, 0, 0', EPERM],
  ['io_uring_setup', '425, 1, 0', ENOSYS],
  ['userfaultfd', '323, 0', ENOSYS],
  ['memfd_secret', '447, 0', ENOSYS],
  ['mq_open', '240, "/q", 0, 0, 0', ENOSYS],
  ['landlock_create_ruleset', '444, 0, 0, 1', ENOSYS],
  ['seccomp with a listener', '317, 1, 8, 0', EINVAL],
  ['pidfd_open of a thread', '434, 1, 0x80', EINVAL],
  ['socket of AF_VSOCK', '41, 40, 1, 0', EAFNOSUPPORT],
  ['socket of AF_ALG', '41, 38, 5, 0', EAFNOSUPPORT],
];

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
      // syscall() wants values that it may write to.
      const probe =
        'sub probe { my ($name, $number, @values) = @_; $! = 0; my $result = syscall($number, @values); ' +
        'print "$name: ", ($result == -1 ? $! + 0 : "allowed"), "\\n" }';
      const calls = DENIED.map(([name, call]) => `probe("${name}", ${call});`);
      const { stdout } = await captureInSession(session, ['perl', '-e', [probe, ...calls].join('\n')]);
      assert.deepEqual(
        stdout.trim().split('\n'),
        DENIED.map(([name, , errno]) => `${name}: ${errno}`),
      );
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
      assert.equal(await shell(session, 'cat /proc/keys /proc/timer_list /proc/kallsyms | wc -c'), '0');
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
      const devices = await shell(session, 'ls /dev');
      assert.deepEqual(devices.split('\n'), [
        'fd',
        'full',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ]);
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
