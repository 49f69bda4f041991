// What a pod leaves on a host when it was unplugged: nothing of it, and no word of what was done in it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectToSession } from '../../src/session/process/session-socket.ts';
import { openRfb } from '../../src/session/rfb/client.ts';
import { run } from '../../src/sync/process.ts';
import { inTerminal } from '../session/terminal.ts';
import { until } from '../session/until.ts';
import { DesktopLab } from './desktop-lab.ts';
import { leftoversOf } from './leftovers.ts';

/** Where programs leave files: in memory, temporary, of root, of services. The test's own folder is in one of them. */
const PLACES = '/run /tmp /dev/shm /var/tmp /var/lib /var/log /var/crash /var/spool /root /home /etc';
/** Only tests that run at the same time write larger files. */
const LARGEST = '-300M';

/** What is typed goes to a file; the program stays. */
const NOTE_WORD = 'touch ~/ready; read word; echo "$word" >~/typed; sleep infinity';

/** Puts a word into a file, an argument, the environment and memory of a program that stays, and of one that crashes. */
const USE = [
  'read word; echo "$word" >~/document; export word',
  `setsid perl -e '$held = $ENV{word}; sleep 600 while 1' "$word" </dev/null >/dev/null 2>&1 &`,
  `cd ~; perl -e '$held = $ENV{word}; kill SEGV => $$' "$word"`,
  'true',
].join('\n');

describe('a pod that was used and unplugged', function () {
  this.timeout(180_000);
  let lab: DesktopLab;
  beforeEach(async () => {
    lab = await DesktopLab.open();
  });
  afterEach(async () => {
    await lab.close();
  });

  it('leaves nothing of it on the host, and no word of what was done in it', async () => {
    const [typed, written, named] = ['typed', 'written', 'named'].map(
      (how) => how + randomBytes(9).toString('hex'),
    ) as [string, string, string];
    const words = [typed, written, named];
    await lab.create();
    const staging = await lab.stage();
    const since = join(lab.dir, 'since');
    await writeFile(since, '');
    const startedAt = `@${Math.floor(Date.now() / 1000)}`;

    await lab.start();
    const supervisors = [await lab.supervisor()];
    await type(typed);
    const use = ['exec', ...lab.at(), '--', 'sh', '-c', USE];
    const { status, stderr } = await lab.program.with({ input: `${written}\n` }).run(use);
    assert.equal(status, 0, stderr);
    await lab.shell(`cp ~/document ~/${named}`);
    assert.equal(await lab.shell('find / -xdev -name "core*" -type f -newer ~/ready 2>/dev/null; true'), '');
    await lab.program.answer(['checkpoint', ...lab.at()]);
    await lab.program.answer(['suspend', ...lab.at()]);
    await lab.start();
    supervisors.push(await lab.supervisor());
    assert.equal(await lab.shell('cat ~/typed ~/document'), `${typed}\n${written}`);
    await lab.program.answer(['suspend', ...lab.at()]);

    assert.deepEqual(await leftoversOf(lab.dir, [staging], supervisors), []);
    assert.equal(existsSync(staging.dir), false);
    assert.ok(!(await readFile('/proc/net/unix', 'utf8')).includes(staging.id));
    assert.deepEqual(await filesWith([...words, staging.id], since), []);
    // On the device it is sealed.
    assert.equal(
      await shell('grep -c -a -F -e "$1" -e "$2" -e "$3" "$4" || true', [...words, lab.image]),
      '0',
    );
    const journal = await shell('journalctl --quiet --no-pager --since "$1"; dmesg', [startedAt]);
    for (const word of words) assert.ok(!journal.includes(word), word);
  });

  it('is found by that search, where it does leave words', async () => {
    const since = join(lab.dir, 'since');
    await writeFile(since, '');
    const word = randomBytes(9).toString('hex');
    const trace = join(lab.dir, 'trace');
    await until(async () => {
      await writeFile(trace, `before ${word} after`);
      return (await filesWith([word], since)).includes(trace);
    });
  });

  /** Types a word into a terminal of the session, as a viewer does. */
  async function type(word: string): Promise<void> {
    await lab.shell(`${inTerminal(NOTE_WORD)}; until [ -e ~/ready ]; do sleep 0.02; done`);
    const { rootPid } = await lab.status();
    assert.ok(rootPid !== undefined);
    const display = await openRfb(await connectToSession(rootPid, 'rfb'), { timeoutMs: 20_000 });
    try {
      await display.typeText(`${word}\n`);
      await display.roundTrip();
      await until(async () => (await lab.shell('cat ~/typed 2>/dev/null; true')) === word);
    } finally {
      display.close();
    }
  }
});

/** Files of the host that were written since, and hold one of the words. */
async function filesWith(words: readonly string[], since: string): Promise<readonly string[]> {
  const found = await shell(
    'since=$1; shift; for word; do set -- "$@" -e "$word"; shift; done; ' +
      `for dir in ${PLACES}; do [ ! -d "$dir" ] || find "$dir" -xdev -newer "$since" -type f -size ${LARGEST} -print0; done 2>/dev/null | ` +
      'xargs -0 -r grep -l -a -s -F "$@" || true',
    [since, ...words],
  );
  return found === '' ? [] : found.split('\n');
}

async function shell(script: string, args: readonly string[]): Promise<string> {
  return (await run('sh', ['-c', script, 'sh', ...args])).stdout;
}
