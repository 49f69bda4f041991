// H.264 in real time by x264: planes go to Debian's ffmpeg, coded pictures come back one by one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const FRAMES_PER_SECOND = 24;
/** As fast as x264 can be, and no picture waits for the next. */
const CODER = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency'];
/** What the planes are made of, for whoever makes colours of them again. */
const COLOURS = [
  ...['-color_range', 'pc', '-colorspace', 'smpte170m'],
  ...['-color_primaries', 'bt709', '-color_trc', 'iec61966-2-1'],
];

/** Of FLV, which says how long each coded picture is before it comes: a bare stream is known to have ended one when the next begins. */
const FILE_HEADER_BYTES = 13;
const TAG_HEADER_BYTES = 11;
const TAG_TRAILER_BYTES = 4;
const VIDEO_TAG = 9;
const VIDEO_HEADER_BYTES = 5;
const KEY_FRAME = 1;
const PARAMETERS = 0;
const PICTURE = 1;

/** What comes from the encoder, in order. */
export interface CodedListener {
  /** Once, before the first picture: what a decoder has to know (an AVCDecoderConfigurationRecord). */
  onParameters(description: Uint8Array): void;
  onPicture(bytes: Uint8Array, isKey: boolean): void;
  onFailure(error: Error): void;
}

/** An encoder that runs; `close` it. */
export class H264Encoder {
  readonly #ffmpeg: ChildProcess;
  readonly #listener: CodedListener;
  readonly #exited: Promise<unknown>;
  #held: Buffer = Buffer.alloc(0);
  #skipBytes = FILE_HEADER_BYTES;
  #isClosed = false;

  constructor(width: number, height: number, listener: CodedListener) {
    this.#listener = listener;
    // said of what goes in, too: a newer ffmpeg would turn one range of brightness into the other
    const from = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, ...COLOURS];
    const rate = ['-framerate', `${FRAMES_PER_SECOND}`];
    const to = ['-vsync', 'passthrough', ...CODER, ...COLOURS, '-flush_packets', '1', '-f', 'flv', 'pipe:1'];
    const quiet = ['-hide_banner', '-loglevel', 'error'];
    this.#ffmpeg = spawn('ffmpeg', [...quiet, ...from, ...rate, '-i', 'pipe:0', ...to], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#exited = once(this.#ffmpeg, 'close').catch((error: Error) => this.#fail(error));
    void this.#exited.then(() => this.#fail(new Error('ffmpeg has ended')));
    this.#ffmpeg.stdin?.on('error', (error) => this.#fail(error));
    this.#ffmpeg.stdout?.on('data', (bytes: Buffer) => this.#take(bytes));
  }

  /** Encodes a picture, whose planes must stay as they are until it has come back. */
  encode(planes: Uint8Array): void {
    this.#ffmpeg.stdin?.write(planes);
  }

  /** Ends ffmpeg; nothing is told any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ffmpeg.kill('SIGKILL');
    await this.#exited;
  }

  #take(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const start = this.#skipBytes;
      if (this.#held.length < start + TAG_HEADER_BYTES) return;
      const sizeBytes = this.#held.readUIntBE(start + 1, 3);
      const end = start + TAG_HEADER_BYTES + sizeBytes;
      if (this.#held.length < end) return;
      if (this.#held[start] === VIDEO_TAG)
        this.#takeVideo(this.#held.subarray(start + TAG_HEADER_BYTES, end));
      this.#held = this.#held.subarray(end);
      this.#skipBytes = TAG_TRAILER_BYTES;
    }
  }

  #takeVideo(tag: Buffer): void {
    const [first = 0, kind] = tag;
    const body = tag.subarray(VIDEO_HEADER_BYTES);
    if (kind === PARAMETERS) this.#listener.onParameters(body);
    else if (kind === PICTURE) this.#listener.onPicture(body, first >> 4 === KEY_FRAME);
  }

  #fail(error: Error): void {
    if (!this.#isClosed) this.#listener.onFailure(error);
  }
}
