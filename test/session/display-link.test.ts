// A viewer's link to the display across checkpoints of a session that goes on.
import assert from 'node:assert/strict';
import { checkpointSession } from '../../src/session/process/checkpointing.ts';
import { openDisplayLink } from '../../src/session/process/display-link.ts';
import { killSession, type ProcessSession } from '../../src/session/process/processes.ts';
import { openRfb, type RfbClient } from '../../src/session/rfb/client.ts';
import { openLab, type SessionLab, shell, untilStopped } from './session-fixture.ts';
import { inTerminal } from './terminal.ts';

/** A film of one colour a frame, 24 a second: those of xterm's cube, of which no two are the same. */
const FILM = `i=0; while :; do printf '\\033[48;5;%dm\\033[2J' $((16 + i % 216)); i=$((i + 1)); sleep 0.0417; done`;
const CUBE_LEVELS = [0, 95, 135, 175, 215, 255];
const FRAME_COUNT = 216;
const RELAYS = 'ls -d $XDG_RUNTIME_DIR/deskpod/display-*; pgrep -f PIPE_TO[_]HOST';

describe('a link to the display', () => {
  let lab: SessionLab;
  let session: ProcessSession;
  let display: RfbClient;
  beforeEach(async () => {
    lab = await openLab();
    await lab.mount('pod');
    session = await lab.start('pod');
    display = await openDisplay();
  });
  afterEach(async () => {
    display.close();
    await lab.close();
  });

  const openDisplay = async (): Promise<RfbClient> =>
    openRfb(await openDisplayLink(session), { timeoutMs: 10_000 });

  it('loses no key while the session is checkpointed, and nothing of it is resumed', async () => {
    await shell(session, inTerminal('stty -icanon; cat > ~/typed'));
    const imagesDir = await lab.imagesDir('one');
    const whileFrozen = () => lab.copy('pod', 'copy');
    let isDone = false;
    const checkpoint = checkpointSession(session, { imagesDir, whileFrozen }).finally(() => {
      isDone = true;
    });
    const words: string[] = [];
    while (!isDone || words.length < 20) {
      const word = `${words.length}.`;
      await display.typeText(word);
      words.push(word);
    }
    await checkpoint;
    const typed = words.join('');
    await shell(session, `until [ "$(wc -c < ~/typed)" -ge ${typed.length} ]; do sleep 0.02; done`);
    assert.equal(await shell(session, 'cat ~/typed'), typed);
    display.close();
    await shell(session, `while ${RELAYS}; do sleep 0.02; done`);
    await killSession(session);
    await lab.mount('copy');
    const resumed = await lab.resume('copy', imagesDir);
    await shell(resumed, `while ${RELAYS}; do sleep 0.02; done`);
    const thenTyped = await shell(resumed, 'cat ~/typed');
    assert.ok(thenTyped !== '' && typed.startsWith(thenTyped), `"${thenTyped}"`);
  });

  it('is opened after a checkpoint that is being made, which it is not in the way of', async () => {
    for (const [i, moment] of ['at once', 'while it stands still'].entries()) {
      const imagesDir = await lab.imagesDir(`${i}`);
      const links: Promise<RfbClient>[] = [];
      const whileFrozen = async (): Promise<void> => {
        if (moment !== 'at once') links.push(openDisplay());
      };
      const checkpoint = checkpointSession(session, { imagesDir, whileFrozen });
      if (moment === 'at once') links.push(openDisplay());
      const { attemptCount } = await checkpoint;
      assert.equal(attemptCount, 1, moment);
      for (const link of await Promise.all(links)) {
        await link.screenshot();
        link.close();
      }
    }
  });

  it('is opened though a program of the session has stopped the agent', async () => {
    await shell(
      session,
      `setsid -f sh -c 'sleep 0.1; pkill -STOP -f exec-agent.pl' >/dev/null 2>&1 </dev/null`,
    );
    await untilStopped(session);
    const link = await openDisplay();
    await link.screenshot();
    link.close();
  });

  it('shows a film of 24 frames a second on and on, with no step back', async () => {
    await shell(session, inTerminal(FILM));
    const seen: { readonly frame: number; readonly atMs: number }[] = [];
    let isDone = false;
    const watching = display.waitForPixels(({ rgba, width }) => {
      const frame = frameAt(rgba, (100 * width + 100) * 4);
      if (frame !== undefined && frame !== seen.at(-1)?.frame) seen.push({ frame, atMs: performance.now() });
      return isDone && seen.length > 50;
    }, 60_000);
    while (seen.length < 24) await display.roundTrip();
    const startedAtMs = performance.now();
    const { pauseMs } = await checkpointSession(session, { imagesDir: await lab.imagesDir('one') });
    const endedAtMs = performance.now();
    isDone = true;
    await watching;
    const steps = seen.slice(1).map(({ frame, atMs }, i) => {
      const before = seen[i];
      assert.ok(before !== undefined);
      return { frames: (frame - before.frame + FRAME_COUNT) % FRAME_COUNT, ms: atMs - before.atMs, atMs };
    });
    // A step back would be one of nearly all frames.
    assert.deepEqual(
      steps.filter(({ frames }) => frames > FRAME_COUNT / 2),
      [],
    );
    const during = steps.filter(({ atMs, ms }) => atMs > startedAtMs && atMs - ms < endedAtMs);
    const longestMs = Math.max(...during.map(({ ms }) => ms));
    assert.ok(longestMs < pauseMs + 1000, `no new frame for ${longestMs} ms, with a pause of ${pauseMs} ms`);
  });
});

/** The number of the film's frame that a pixel is of; undefined for another colour. */
function frameAt(rgba: Uint8Array, at: number): number | undefined {
  const levels = [0, 1, 2].map((channel) => CUBE_LEVELS.indexOf(rgba[at + channel] ?? 0));
  if (levels.includes(-1)) return undefined;
  return levels.reduce((number, level) => number * CUBE_LEVELS.length + level, 0);
}
