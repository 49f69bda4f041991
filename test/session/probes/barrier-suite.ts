// The tests of the barrier around a session, wherever that came from: started here, resumed here, or suspended elsewhere.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, copyFile, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer, type ListenOptions, type Server } from 'node:net';
import { join } from 'node:path';
import { SHIFTED_ID_START } from '../../../src/session/barrier/bundle.ts';
import { DENIED_CALLS, type DeniedCalls } from '../../../src/session/barrier/denied-calls.ts';
import { ERRNO } from '../../../src/session/barrier/seccomp.ts';
import { captureInSession, type ProcessSession } from '../../../src/session/process/processes.ts';
import { run } from '../../../src/sync/process.ts';
import { SYSCALL_NUMBERS } from '../syscall-numbers.ts';
import { INWARD_PROBES, VISIBLE_FILES } from './inward.ts';
import { OUTWARD_PROBES } from './outward.ts';
import { allDenied, type Probe, probeCommand, type Verdicts, verdictsIn } from './probe.ts';

/** Nobody, and a user with the number that the session's user has inside. */
const USERS = [1000, 65534];

/** A session, and the pod's folder on the host. */
export interface Guarded {
  readonly session: ProcessSession;
  readonly stagingDir: string;
}

/** Registers the tests; `guarded` is asked when they run. */
export function describeBarrier(title: string, guarded: () => Guarded): void {
  describe(title, () => {
    it('lets nothing out', async () => {
      const { session, stagingDir } = guarded();
      await withHostThings(async (things) => {
        const given = { ...things, programs: (await plantPrograms(`${stagingDir}/merged`)).join(' ') };
        const { stdout, stderr } = await captureInSession(session, [...probeCommand(OUTWARD_PROBES, given)]);
        assert.deepEqual(verdictsIn(stdout), allDenied(OUTWARD_PROBES), stderr);
      });
    });

    it('denies every call of the table', async () => {
      assert.deepEqual(
        await tryCalls(guarded().session),
        Object.fromEntries(CALLS.map(({ name, errno }) => [name, errno])),
      );
    });

    for (const uid of USERS) {
      it(`lets nobody in: user ${uid} of the host`, async () => {
        assert.deepEqual(await attack(guarded(), INWARD_PROBES, uid), allDenied(INWARD_PROBES));
      });
    }
  });
}

/** What host root is told by the harmless probes of both tables. */
export async function asHostRoot(guarded: Guarded): Promise<Verdicts> {
  const outward = await withHostThings(async (given) => {
    const [program = '', ...args] = probeCommand(
      OUTWARD_PROBES.filter(({ isHarmless }) => isHarmless),
      given,
    );
    return verdictsIn((await run(program, args)).stdout);
  });
  const inward = INWARD_PROBES.filter(({ isHarmless }) => isHarmless);
  return { ...outward, ...(await attack(guarded, inward, 0)) };
}

/** What a user of the host is told by the probes, tried on every process of a session. */
async function attack(
  { session, stagingDir }: Guarded,
  probes: readonly Probe[],
  uid: number,
): Promise<Verdicts> {
  const targets = (await membersOf(session)).join(' ');
  assert.match(targets, /\d \d/);
  const user = ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups'];
  const given = { targets, staging: stagingDir, visible: VISIBLE_FILES.join(' ') };
  const { stdout } = await run('setpriv', [...user, ...probeCommand(probes, given)]);
  return verdictsIn(stdout);
}

/** The host's pids of a session's processes. */
async function membersOf({ rootPid }: ProcessSession): Promise<string[]> {
  const namespace = await readlink(`/proc/${rootPid}/ns/pid`);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const isMember = await Promise.all(
    pids.map((pid) =>
      readlink(`/proc/${pid}/ns/pid`).then(
        (found) => found === namespace,
        () => false,
      ),
    ),
  );
  return pids.filter((_, index) => isMember[index]);
}

/** Puts programs into a session that would run as its root, and as host root, if such marks had effect. */
async function plantPrograms(rootDir: string): Promise<readonly string[]> {
  const owners = [SHIFTED_ID_START, 0];
  for (const owner of owners) {
    const path = `${rootDir}/usr/local/bin/rise-${owner}`;
    await copyFile(`${rootDir}/usr/bin/sleep`, path);
    await chown(path, owner, owner);
    await chmod(path, 0o6755);
  }
  return owners.map((owner) => `/usr/local/bin/rise-${owner}`);
}

/** Things of the host that a session might find: they carry a mark, and anyone who reaches them may use them. */
async function withHostThings<T>(use: (given: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
  const mark = `deskpod-${randomBytes(8).toString('hex')}`;
  const dir = await mkdtemp('/var/tmp/deskpod-host-');
  const [file, socket, key] = [join(dir, 'file'), join(dir, 'socket'), `${randomInt(1, 2 ** 31)}`];
  const shared = join('/dev/shm', mark);
  const process = spawn('sleep', ['infinity'], { argv0: mark, stdio: 'ignore' });
  const servers: Server[] = [];
  const listen = async (options: ListenOptions) => {
    const server = createServer((connection) => connection.destroy());
    servers.push(server);
    server.listen(options);
    await once(server, 'listening');
    return server.address();
  };
  try {
    await chmod(dir, 0o755);
    for (const path of [file, shared]) await writeFile(path, mark);
    await listen({ path: socket, writableAll: true });
    await listen({ path: `\0${mark}` });
    const address = await listen({ host: '127.0.0.1', port: 0 });
    const port = typeof address === 'object' ? `${address?.port}` : '';
    await run('perl', ['-e', 'defined shmget($ARGV[0], 64, 01666) or die "shmget: $!"', key]);
    return await use({ mark, pid: `${process.pid}`, file, socket, abstract: mark, port, key });
  } finally {
    process.kill('SIGKILL');
    for (const server of servers) server.close();
    await run('ipcrm', ['-M', key]);
    for (const path of [dir, shared]) await rm(path, { recursive: true });
  }
}

/** A call with arguments that a row of the table denies, and the errno that the table promises. */
interface Call {
  readonly name: string;
  readonly words: readonly number[];
  readonly errno: number;
}

/** Arguments with which the kernel itself would have nothing of the kind against a call; all others are 0. */
const ARGUMENTS: Readonly<Record<string, readonly number[]>> = {
  ...{ seccomp: [1], pidfd_open: [1] },
  mmap: [0, 4096, 3, 0, -1],
};

/** Every call of the table, with each of the arguments that its row names. */
export const CALLS: readonly Call[] = DENIED_CALLS.flatMap(({ names, errno, arguments: matches }) =>
  names.flatMap((name) =>
    argumentsOf(name, matches).map((words) => ({
      name: `${name}(${words.join(', ')})`,
      words: [SYSCALL_NUMBERS[name] ?? Number.NaN, ...words],
      errno: ERRNO[errno],
    })),
  ),
);

function argumentsOf(name: string, matches: DeniedCalls['arguments']): readonly (readonly number[])[] {
  const given = ARGUMENTS[name] ?? [];
  const nothing = Array.from({ length: 6 }, (_, i) => given[i] ?? 0);
  if (matches === undefined) return [nothing];
  return matches.flatMap((match) => {
    const values = 'atLeast' in match ? [match.atLeast, match.atLeast + 22] : match.values;
    return values.map((value) => nothing.with(match.index, value));
  });
}

/** What a program of the session is told by each call. */
export async function tryCalls(session: ProcessSession): Promise<Readonly<Record<string, number>>> {
  // syscall() wants values that it may write to. A child makes each call: one that works may change its process.
  const program =
    'for (@ARGV) { my @values = map { $_ + 0 } split / /; defined(my $pid = fork) or die; ' +
    'if ($pid == 0) { $! = 0; my $result = syscall(shift @values, @values); exit($result == -1 ? $! + 0 : 0) } ' +
    'waitpid $pid, 0; print $? >> 8, "\\n" }';
  const calls = CALLS.map(({ words }) => words.join(' '));
  const { stdout } = await captureInSession(session, ['perl', '-e', program, ...calls]);
  const answers = stdout.trim().split('\n').map(Number);
  return Object.fromEntries(CALLS.map(({ name }, index) => [name, answers[index] ?? Number.NaN]));
}
