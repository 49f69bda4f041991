// Programs that hold a terminal in ways that CRIU finds hard, in a session without the real /dev/tty.
import assert from 'node:assert/strict';
import { suspendSession } from '../../src/session/process/checkpointing.ts';
import type { ProcessSession } from '../../src/session/process/processes.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

describe('a terminal in a session', () => {
  let lab: SessionLab;

  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
  });

  afterEach(async () => {
    await lab.close();
  });

  /** The last descriptor of its terminal that a program opens for itself says that it has come up. */
  const programs: readonly (readonly [title: string, command: string, process: string, own: number])[] = [
    ['an interactive shell with job control', 'dash -i', 'dash -i', 10],
    ['a pager that reads a pipe', "sh -c 'seq 10000 | less'", 'less', 3],
    ['bash with a stopped job', "bash --norc -ic 'sleep 1000 & exec bash --norc -i'", 'bash --norc -i', 255],
  ];

  for (const [title, command, process, own] of programs) {
    it(`of ${title} survives a suspend`, async () => {
      const session = await lab.start('pod');
      await shell(session, `setsid xterm -e ${command} >/dev/null 2>&1 </dev/null &`);
      const pid = await pidOf(session, process);
      const terminal = `ls -l /proc/${pid}/fd | grep -o '/dev/pts/[0-9]*' | sort | uniq -c`;
      await shell(session, `until readlink /proc/${pid}/fd/${own} | grep -q pts; do sleep 0.05; done`);
      const before = await shell(session, terminal);
      const imagesDir = await lab.imagesDir('one');
      await suspendSession(session, { imagesDir });
      const resumed = await lab.resume('pod', imagesDir);
      assert.equal(await pidOf(resumed, process), pid);
      assert.match(before, /pts/);
      assert.equal(await shell(resumed, terminal), before);
    });
  }

  it('is found as /dev/tty by a link to the terminal itself', async () => {
    const session = await lab.start('pod');
    assert.equal(await shell(session, 'readlink /dev/tty'), '/proc/thread-self/fd/2');
    assert.equal(
      await shell(session, 'echo word >/dev/tty 2>&1; mount 2>/dev/null | grep -c /dev/tty; true'),
      '0',
    );
  });
});

/** The pid, inside, of the process with exactly this command line. */
async function pidOf(session: ProcessSession, commandLine: string): Promise<string> {
  return shell(session, `until pgrep -x -f '${commandLine}'; do sleep 0.05; done`);
}
