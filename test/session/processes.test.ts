// A session's life on a real host: started, checkpointed, suspended, resumed elsewhere, ended.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { DeskPodError, isDeskPodError } from '../../src/core/errors.ts';
import { checkpointSession, suspendSession } from '../../src/session/process/checkpointing.ts';
import {
  adoptSession,
  execInSession,
  forgetSession,
  isAlive,
  killSession,
  type ProcessSession,
} from '../../src/session/process/processes.ts';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { run } from '../../src/sync/process.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

/** Counts in a shell variable, and tells how far it is through a file. */
const COUNTER = 'n=0; while :; do n=$((n+1)); echo $n >~/count; sleep 0.05; done';

/** Until the log of an attempt of CRIU tells that a connection is in the way. */
async function untilFailed(logFile: string): Promise<void> {
  while (!/Error \(criu\/sk-unix/.test(await readFile(logFile, 'utf8').catch(() => ''))) await delay(1);
}

/** Until a program of the host, which counts at the pace of {@link COUNTER}, has counted some. */
async function untilCountedElsewhere(): Promise<void> {
  const counter = spawn('sh', ['-c', COUNTER.replace(' >~/count', '')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const line of createInterface({ input: counter.stdout })) if (line === '5') return;
    assert.fail('the counter has ended');
  } finally {
    counter.kill('SIGKILL');
  }
}

describe('a session', () => {
  let lab: SessionLab;

  beforeEach(async () => {
    lab = await openLab();
  });

  afterEach(async () => {
    await lab.close();
  });

  it('goes on after a suspend, on another file system with a copy of its layer', async () => {
    await lab.mount('first');
    const session = await lab.start('first');
    await startInBackground(session, COUNTER);
    await startInBackground(session, `exec xterm -e sh -c '${COUNTER.replace('count', 'count-in-xterm')}'`);
    await countAtLeast(session, 'count', 3);
    await countAtLeast(session, 'count-in-xterm', 3);
    const pidsBefore = await longLivedPids(session);
    const imagesDir = await lab.imagesDir('one');

    const figures = await suspendSession(session, { imagesDir });

    assert.equal(isAlive(session), false);
    assert.ok(figures.pauseMs > 0);
    assert.ok(figures.imageBytes > 1_000_000);
    const countThen = Number(await readFile(`${lab.dir}/first/stage/merged/home/user/count`, 'utf8'));
    await lab.unmount('first');
    await lab.copy('first', 'second');
    await lab.mount('second');
    const resumed = await lab.resume('second', imagesDir);
    assert.deepEqual(await longLivedPids(resumed), pidsBefore);
    await countAtLeast(resumed, 'count', countThen + 2);
    // Had it been started again, it would have counted from 1.
    assert.ok(Number(await shell(resumed, 'cat ~/count')) < countThen + 2000);
    assert.ok(resumed.restoreMs > 0);
  });

  it('can be suspended and resumed again and again in one place', async () => {
    await lab.mount('pod');
    let session = await lab.start('pod');
    await startInBackground(session, COUNTER);
    let last = 0;
    for (const round of ['one', 'two', 'three']) {
      await countAtLeast(session, 'count', last + 2);
      const imagesDir = await lab.imagesDir(round);
      await suspendSession(session, { imagesDir });
      last = Number(await readFile(`${lab.dir}/pod/stage/merged/home/user/count`, 'utf8'));
      session = await lab.resume('pod', imagesDir);
      assert.deepEqual(await unitGroupsOf(session), [`/${session.sessionId}/session`]);
    }
    await countAtLeast(session, 'count', last + 2);
  });

  it('goes on after a live checkpoint, whose files are of the instant of its memory', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    await startInBackground(session, COUNTER);
    await countAtLeast(session, 'count', 2);
    const countFile = `${lab.dir}/pod/stage/merged/home/user/count`;
    const imagesDir = await lab.imagesDir('live');
    const seen: string[] = [];
    let early: readonly string[] = ['inventory.img'];
    let isStoppedWorkOver = false;

    await checkpointSession(session, {
      imagesDir,
      whileStopped: async () => {
        early = await readdir(imagesDir);
        seen.push(await readFile(countFile, 'utf8'));
        await untilCountedElsewhere();
        seen.push(await readFile(countFile, 'utf8'));
        isStoppedWorkOver = true;
      },
      whileFrozen: async () => {
        assert.ok(isStoppedWorkOver);
        assert.ok((await readdir(imagesDir)).includes('inventory.img'));
        seen.push(await readFile(countFile, 'utf8'));
        await untilCountedElsewhere();
        seen.push(await readFile(countFile, 'utf8'));
      },
    });

    assert.equal(seen.length, 4);
    assert.equal(new Set(seen).size, 1);
    // it begins beside CRIU, which has written little or nothing by then
    assert.ok(!early.includes('inventory.img'), early.join());
    assert.equal(isAlive(session), true);
    await countAtLeast(session, 'count', Number(seen[0]) + 2);
  });

  it('is suspended also if what it leaves does not end in time', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const imagesDir = await lab.imagesDir('one');
    let isStuck = true;
    const unplug = async (): Promise<void> => {
      if (isStuck) throw new DeskPodError('NETWORK_FAILED', 'pasta does not end');
    };
    const stuck = { ...session, network: { plug: async () => undefined, unplug } };
    await session.network?.unplug();
    const { imageBytes } = await suspendSession(stuck, { imagesDir });
    assert.ok(imageBytes > 0);
    await assert.rejects(forgetSession(stuck), (error) => isDeskPodError(error, 'NETWORK_FAILED'));
    isStuck = false;
    await forgetSession(stuck);
    assert.equal(await shell(await lab.resume('pod', imagesDir), 'echo it goes on'), 'it goes on');
  });

  it('can be resumed from a live checkpoint after it was lost', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    await startInBackground(session, COUNTER);
    await countAtLeast(session, 'count', 2);
    const imagesDir = await lab.imagesDir('live');
    await checkpointSession(session, { imagesDir, whileFrozen: () => lab.copy('pod', 'copy') });
    await killSession(session);
    await lab.unmount('pod');
    await lab.mount('copy');
    const resumed = await lab.resume('copy', imagesDir);
    const count = Number(await shell(resumed, 'cat ~/count'));
    await countAtLeast(resumed, 'count', count + 2);
  });

  it('goes on, and is not checkpointed, if the work at the instant of a suspend fails', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const imagesDir = await lab.imagesDir('one');
    const problem = new Error('no space for the files');
    for (const work of ['whileStopped', 'whileFrozen'] as const) {
      const options = { imagesDir, [work]: () => Promise.reject(problem) };
      await assert.rejects(suspendSession(session, options), problem, work);
      assert.equal(isAlive(session), true);
      assert.deepEqual(await readdir(imagesDir), []);
    }
    assert.equal(await shell(session, 'echo goes on'), 'goes on');
    await suspendSession(session, { imagesDir });
    assert.equal(await shell(await lab.resume('pod', imagesDir), 'echo came back'), 'came back');
  });

  it('lets go of a running command for a live checkpoint and takes it up again', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const stdin = new PassThrough();
    const script = 'echo before; read word; echo "after $word"; exit 5';
    const command = await execInSession(session, ['sh', '-c', script], { stdin });
    const printed: Buffer[] = [];
    command.stdout.on('data', (bytes: Buffer) => printed.push(bytes));
    await once(command.stdout, 'data');
    await checkpointSession(session, { imagesDir: await lab.imagesDir('live') });
    stdin.end('all\n');
    assert.deepEqual(await command.ended, { exitCode: 5, signal: 0 });
    assert.equal(Buffer.concat(printed).toString(), 'before\nafter all\n');
  });

  it('is told from a later process with its pid', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const { sessionId, startTicks } = session;
    const stranger = { ...session, sessionId: `${sessionId}-former`, startTicks: startTicks - 1 };
    assert.equal(isAlive(stranger), false);
    await killSession({ ...stranger, network: undefined });
    assert.equal(isAlive(session), true);
  });

  it('can be taken over by another supervisor, network and all', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    await session.settled;
    const { sessionId, mergedDir, bundleDir, rootPid } = session;
    const adopted = adoptSession({ sessionId, mergedDir, bundleDir, rootPid });
    await adopted.settled;
    assert.equal(adopted.startTicks, session.startTicks);
    await suspendSession(adopted, { imagesDir: await lab.imagesDir('one') });
    assert.equal(isAlive(session), false);
  });

  it('waits for a connection to its display to be gone, and says what is in the way if it stays', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const viewer = await connectToSession(session.rootPid, 'rfb');
    try {
      const imagesDir = await lab.imagesDir('one');
      let logFile = '';
      await assert.rejects(suspendSession(session, { imagesDir }), (error) => {
        assert.ok(isDeskPodError(error, 'SUSPEND_FAILED'));
        assert.match(error.message, /Xvnc \(process \d+\) is still connected/);
        assert.match((error.cause as Error).message, /^Error \(criu/);
        logFile = String(error.details.logFile);
        assert.ok(Number(error.details.attemptCount) > 1);
        return true;
      });
      assert.equal(isAlive(session), true);
      await rm(logFile);
      const gone = untilFailed(logFile).then(() => viewer.destroy());
      const { attemptCount } = await suspendSession(session, { imagesDir });
      await gone;
      assert.ok(attemptCount > 1);
    } finally {
      viewer.destroy();
    }
  });

  it('can be suspended when the kernel has dropped the directory entries of watched files', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const watched = "cat /proc/[0-9]*/fdinfo/* 2>/dev/null | grep '^inotify'";
    await shell(session, `until ${watched} | grep -q fhandle; do sleep 0.02; done`);
    await writeFile('/proc/sys/vm/drop_caches', '2');
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    assert.match(await shell(await lab.resume('pod', imagesDir), watched), /fhandle/);
  });

  it('tells the launcher of Chromium what cannot be had in a session', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    // As the launcher does it, after what was set by others.
    const flags =
      'CHROMIUM_FLAGS=--pings; for file in /etc/chromium.d/*; do . $file; done; echo "$CHROMIUM_FLAGS"';
    assert.equal((await shell(session, flags)).trim(), '--pings --no-sandbox --disable-gpu');
  });

  it('keeps servers on its loopback, the abstract sockets and a full /dev/shm through a suspend', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const server =
      'use Socket qw(:all); for ([AF_INET, pack_sockaddr_in(7777, inet_aton("127.0.0.1"))], [AF_INET6, pack_sockaddr_in6(7777, inet_pton(AF_INET6, "::1"))]) {' +
      'socket(my $s, $_->[0], SOCK_STREAM, 0); bind($s, $_->[1]) or die; listen($s, 5) or die; push @all, $s; } sleep 1000 while 1';
    const command = await execInSession(session, ['perl', '-e', server]);
    const listening = "ss -Hltn | awk '{print $4}' | sort | tr '\\n' ' '";
    await shell(
      session,
      `until [ "$(ss -Hltn | wc -l)" = 2 ]; do sleep 0.02; done; seq 100000 >/dev/shm/numbers`,
    );
    const before = await shell(
      session,
      `${listening}; md5sum </dev/shm/numbers; grep -o '@.*' /proc/net/unix | sort -u`,
    );
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    await assert.rejects(command.ended, (error) => isDeskPodError(error, 'EXEC_FAILED'));
    // The loopback is the session's own, also where the host has no network to give.
    const resumed = await lab.resume('pod', imagesDir, { hasNetwork: false });
    await shell(resumed, `perl -MIO::Socket::INET -e 'IO::Socket::INET->new("127.0.0.1:7777") or die'`);
    assert.equal(
      await shell(resumed, `${listening}; md5sum </dev/shm/numbers; grep -o '@.*' /proc/net/unix | sort -u`),
      before,
    );
    assert.match(before, /7777.*7777/);
  });

  it('leaves nothing running and nothing mounted if its images are damaged', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    await writeFile(`${imagesDir}/pstree.img`, 'not an image');
    await assert.rejects(lab.resume('pod', imagesDir), (error) => {
      assert.ok(isDeskPodError(error, 'RESUME_FAILED'));
      assert.match(String(error.details.error), /Error/);
      return true;
    });
    await lab.unmount('pod');
  });

  it('leaves nothing running and nothing mounted if its files are not there', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    await startInBackground(session, 'exec 3>~/held-open; while :; do echo line >&3; sleep 0.05; done');
    await shell(session, 'until [ -s ~/held-open ]; do sleep 0.02; done');
    const imagesDir = await lab.imagesDir('one');
    await suspendSession(session, { imagesDir });
    await rm(`${lab.dir}/pod/stage/merged/home/user/held-open`);
    await assert.rejects(lab.resume('pod', imagesDir), (error) => isDeskPodError(error, 'RESUME_FAILED'));
    await lab.unmount('pod');
  });

  it('has a network if its host has one, also after its cable was pulled', async () => {
    await lab.mount('pod');
    const session = await lab.start('pod');
    const warnings = await session.settled;
    const interfaces = () =>
      shell(session, "sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev | sort | tr '\\n' ' '");
    const plugged = await interfaces();
    // A host without a network gives a warning instead, and the session goes on.
    const { stdout: route } = await run('ip', ['route', 'show', 'default']);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      route === '' ? ['NETWORK_FAILED'] : [],
    );
    assert.equal(plugged, route === '' ? 'lo ' : 'eth0 lo ');
    await session.network?.unplug();
    assert.equal(await interfaces(), 'lo ');
    await session.network?.plug();
    assert.equal(await interfaces(), plugged);
  });
});

async function startInBackground(session: ProcessSession, script: string): Promise<void> {
  await shell(session, `setsid sh -c '${script.replaceAll("'", "'\\''")}' >/dev/null 2>&1 </dev/null &`);
}

async function countAtLeast(session: ProcessSession, file: string, least: number): Promise<void> {
  await shell(
    session,
    `until [ "$(cat ~/${file} 2>/dev/null || echo 0)" -ge ${least} ] 2>/dev/null; do sleep 0.02; done`,
  );
}

/** Pids and names of what runs all the time. */
async function longLivedPids(session: ProcessSession): Promise<string> {
  return shell(session, "ps -e -o pid=,comm= | grep -E 'perl|Xvnc|Xtigervnc|openbox|dbus|xterm'");
}

/** Its groups where systemd looks for what belongs to a unit. */
async function unitGroupsOf({ rootPid }: ProcessSession): Promise<readonly string[]> {
  const text = await readFile(`/proc/${rootPid}/cgroup`, 'utf8');
  return [...new Set([...text.matchAll(/^\d+:(?:name=systemd)?:(.*)$/gm)].map(([, group = '']) => group))];
}
