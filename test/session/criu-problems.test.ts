// CRIU's log, read for people.
import assert from 'node:assert/strict';
import { OBSTACLE_KINDS, type ObstacleKind } from '../../src/session/preflight/obstacle-kinds.ts';
import { explainLog } from '../../src/session/process/criu-problems.ts';

/** Lines as CRIU writes them. */
const LINES: readonly (readonly [line: string, kind: ObstacleKind])[] = [
  ['(criu/sk-queue.c:144): skqueue: Control messages in queue, not supported', 'unread-credentials'],
  ['(criu/sk-netlink.c:77): netlink: The socket has data to read', 'unread-netlink'],
  ['(criu/sk-unix.c:874): unix: External socket is used. Consider using --ext-unix-sk', 'outside-connection'],
  ["(criu/sk-unix.c:881): unix: Can't dump half of stream unix connection. name: a", 'outside-connection'],
  ['(criu/sk-inet.c:173): inet: In-flight connection (l) for 7', 'unaccepted-connection'],
  ['(criu/seize.c:882): Zombies with threads are not supported', 'ended-leader'],
  ['(criu/seize.c:952): Individually stopped threads not supported', 'stopped-thread'],
  ["(criu/files-reg.c:1031): Can't dump ghost file /a of 70000000 size, increase limit", 'deleted-file'],
  [
    "(criu/files-ext.c:98): Can't dump file 3 of that type [600] (anon anon_inode:[userfaultfd])",
    'kernel-object',
  ],
  ['(criu/pidfd.c:88): pidfd: PIDFD_THREAD flag is currently not supported', 'kernel-object'],
  ['(criu/sockets.c:767): sockets: BUG! Unknown socket collected (family 40)', 'unknown-socket'],
  ['(criu/sk-inet.c:137): inet: Unsupported proto 262 for socket 1', 'unknown-socket'],
  ["(criu/namespaces.c:460): Can't dump nested user namespace for 77", 'other-namespace'],
  ["(criu/fsnotify.c:284): fsnotify: \tCan't dump that handle", 'unnamed-watch'],
  ['(criu/tty.c:2281): tty: ctty inheritance detected sid/pgrp 1, no PTY peer', 'terminal'],
  ['(compel/src/lib/infect.c:262): Unseizable non-zombie 7 found, state S, err -1/10', 'traced'],
  ['(compel/src/lib/infect.c:262): Unseizable non-zombie 7 found, state D, err -1/4', 'unstoppable'],
  ["(criu/files-reg.c:1790): Can't lookup mount=9 for fd=3 path=/q", 'outside-file'],
];

describe("CRIU's log", () => {
  it('tells the kind of what is in the way, and whether it passes', () => {
    for (const [line, kind] of LINES) {
      const problem = explainLog(
        `(00.012345) Error ${line}\n(00.02) Error (criu/cr-dump.c:2128): Dumping FAILED.`,
        '',
      );
      const { text, isTransient } = OBSTACLE_KINDS[kind];
      assert.deepEqual([problem.kind, problem.isTransient], [kind, isTransient], line);
      assert.equal(problem.sentence, `a program ${text}`);
      assert.equal(problem.line, `Error ${line}`);
    }
  });

  it('tells the process that CRIU was at', () => {
    for (const line of [
      '(criu/cr-dump.c:1545): Dump files (pid: 104) failed with -1',
      "(criu/namespaces.c:460): Can't dump nested user namespace for 104",
      '(compel/src/lib/infect.c:262): Unseizable non-zombie 104 found, state t, err -1/1',
    ]) {
      const log = `(00.03) Error (criu/new.c:1): something of a later version\n(00.04) Error ${line}`;
      assert.equal(explainLog(log, '').hostPid, 104);
    }
    assert.equal(explainLog('(00.03) Error (criu/new.c:1): something of 104', '').hostPid, undefined);
  });

  it('blames no program for a full memory', () => {
    const log =
      "(00.01) Error (criu/image.c:1): Can't write: No space left on device\n(00.01) Error (criu/x.c:1): timeout";
    const { kind, isOfHost, sentence, isTransient } = explainLog(log, '');
    assert.deepEqual([kind, isOfHost, isTransient], [undefined, true, false]);
    assert.equal(sentence, 'there is not enough memory for the images');
  });

  it('is what CRIU printed if there is none', () => {
    assert.equal(explainLog('', 'first\nlast\n').line, 'last');
  });
});
