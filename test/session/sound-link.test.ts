// What a session plays, heard outside across a checkpoint and after a resume. It needs a base with PulseAudio, which takes
// minutes to build: DESKPOD_TEST_EXHAUSTIVE=1 runs it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { DISPLAY_BASE, DISPLAY_PACKAGES } from '../../ops/benchmark/display/display.ts';
import { haveBase } from '../../ops/have-base.ts';
import { findBase } from '../../src/session/base/base.ts';
import { checkpointSession } from '../../src/session/process/checkpointing.ts';
import { killSession, type ProcessSession } from '../../src/session/process/processes.ts';
import { openSoundLink } from '../../src/session/process/sound-link.ts';
import { IS_EXHAUSTIVE } from '../exhaustive.ts';
import { openLab, type SessionLab, shell } from './session-fixture.ts';

const RATE_HZ = 44_100;
const TONE_HZ = 441;
const SECOND_BYTES = RATE_HZ * 4;
/** A square wave of 441 Hz for ever, in one channel. */
const PLAY = `setsid -f sh -c '
  perl -e "\\$wave = pack q(s*), (9000) x 50, (-9000) x 50; print \\$wave while 1" |
  pacat --raw --format=s16le --rate=${RATE_HZ} --channels=1' >/dev/null 2>&1 </dev/null`;

/** To build the base, if it is not there. */
const TIMEOUT_MS = 900_000;
const describeThere = IS_EXHAUSTIVE ? describe : () => undefined;

describeThere('the sound of a session', function () {
  this.timeout(TIMEOUT_MS);
  let lab: SessionLab;
  let session: ProcessSession;
  let sound: Duplex | undefined;

  before(() => haveBase(DISPLAY_BASE, DISPLAY_PACKAGES));
  beforeEach(async () => {
    lab = await openLab((await findBase(DISPLAY_BASE)).path);
    await lab.mount('pod');
    session = await lab.start('pod');
  });
  afterEach(async () => {
    sound?.destroy();
    await lab.close();
  });

  it('is heard, goes on after a checkpoint of the session, and in the session that is resumed from it', async () => {
    await shell(session, PLAY);
    sound = await openSoundLink(session);
    await assertTone(sound);
    let imagesDir = '';
    for (const name of ['one', 'two', 'three']) {
      imagesDir = await lab.imagesDir(name);
      const whileFrozen = async (): Promise<void> => {
        if (name === 'three') await lab.copy('pod', 'copy');
      };
      await checkpointSession(session, { imagesDir, whileFrozen });
      await assertTone(sound);
    }
    sound.destroy();
    await shell(session, 'while pgrep parec; do sleep 0.02; done');
    await killSession(session);
    await lab.mount('copy');
    const resumed = await lab.resume('copy', imagesDir);
    sound = await openSoundLink(resumed);
    await assertTone(sound);
  });
});

/** Waits for a second that is the tone and nothing else; fails if the sound ends before. */
async function assertTone(sound: Duplex): Promise<void> {
  let bytes = Buffer.alloc(0);
  let lastHz = Number.NaN;
  while (!(Math.abs(lastHz - TONE_HZ) < 3)) {
    if (bytes.length >= SECOND_BYTES) {
      lastHz = toneOf(bytes.subarray(0, SECOND_BYTES));
      bytes = bytes.subarray(SECOND_BYTES);
    }
    const piece = sound.read() as Buffer | null;
    if (piece !== null) bytes = Buffer.concat([bytes, piece]);
    else if (sound.readableEnded) assert.fail(`the sound ended; ${lastHz} Hz were heard last`);
    // its end says so, too
    else await once(sound, 'readable');
  }
}

/** How often in a second the left channel rises above nothing. */
function toneOf(second: Buffer): number {
  let riseCount = 0;
  for (let at = 4; at < second.length; at += 4) {
    if (second.readInt16LE(at - 4) <= 0 && second.readInt16LE(at) > 0) riseCount += 1;
  }
  return riseCount;
}
