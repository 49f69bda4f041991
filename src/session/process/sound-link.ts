// What the programs of a session play: a recorder inside, whose output comes like that of any command of the host.
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { DeskPodError } from '../../core/errors.ts';
import { endsWithin } from '../host/deadline.ts';
import type { SessionCommand } from './exec.ts';
import { execInSession, type ProcessSession } from './processes.ts';

/** PulseAudio plays to nothing in a session, and starts when somebody listens: as 44,100 pairs of 16 bits a second. */
const RECORDER = ['parec', '--raw', '--format=s16le', '--rate=44100', '--channels=2', '--latency-msec=20'];
const WHAT_IS_PLAYED = '--device=@DEFAULT_MONITOR@';
/** A suspend waits for a link that is being opened. */
const START_TIMEOUT_MS = 3000;
const FIRST_SOUND_TIMEOUT_MS = 5000;

/**
 * Listens to a session. Checkpoints of a session that goes on leave a gap and no more: the recorder is let go of and taken up
 * like every command. It ends when the stream is destroyed; what is written to that goes nowhere.
 * @throws DeskPodError EXEC_FAILED if the session has no PulseAudio
 */
export async function openSoundLink(session: ProcessSession): Promise<Duplex> {
  const recorder = await execInSession(session, [...RECORDER, WHAT_IS_PLAYED], {
    startTimeoutMs: START_TIMEOUT_MS,
  });
  recorder.stderr.resume();
  // Silence is sound, too: without any there is nobody who plays.
  const hasSound = once(recorder.stdout, 'readable').then(() => recorder.stdout.readableLength > 0);
  let isHeard = false;
  await endsWithin(
    hasSound.then((has) => {
      isHeard = has;
    }),
    FIRST_SOUND_TIMEOUT_MS,
  );
  if (!isHeard) {
    recorder.kill('TERM');
    throw new DeskPodError('EXEC_FAILED', 'the session has no sound', {
      hint: 'Run `deskpod install pulseaudio`.',
    });
  }
  return new Sound(recorder);
}

/** Its end is that of the recorder, and the other way round. */
class Sound extends Duplex {
  readonly #recorder: SessionCommand;

  constructor(recorder: SessionCommand) {
    super({ allowHalfOpen: false });
    this.#recorder = recorder;
    const { stdout } = recorder;
    stdout.on('data', (bytes: Buffer) => {
      if (!this.destroyed && !this.push(bytes)) stdout.pause();
    });
    stdout.once('end', () => this.push(null));
  }

  override _read(): void {
    this.#recorder.stdout.resume();
  }

  override _write(_bytes: unknown, _encoding: unknown, done: () => void): void {
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#recorder.kill('TERM');
    // what is not taken would keep the agent from more
    this.#recorder.stdout.resume();
    done(error);
  }
}
