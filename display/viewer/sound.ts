// What the session's programs play, in the browser: off until it is asked for.

/** As the server sends it: 44,100 pairs of 16 bits a second, the lower byte first. */
const RATE_HZ = 44_100;
const CHANNEL_COUNT = 2;
const PAIR_BYTES = 4;
/** What is held, so that a late piece leaves no gap; more than the second, and some is left out. */
const AHEAD_S = 0.1;
const AHEAD_MAX_S = 0.4;

/** What sound tells. */
export interface SoundListener {
  /** There is none any more; `reason` is empty if nobody has said why. */
  onEnd(reason: string): void;
}

/** Plays the session's sound while it is on. */
export class Sound {
  readonly #listener: SoundListener;
  #context: AudioContext | undefined;
  #socket: WebSocket | undefined;
  /** When the next piece begins, by the clock of the context. */
  #nextS = 0;
  #rest = new Uint8Array(0);

  constructor(listener: SoundListener) {
    this.#listener = listener;
  }

  get isOn(): boolean {
    return this.#context !== undefined;
  }

  /** By a press of a button: browsers let no page sound before one. */
  turnOn(): void {
    this.#context ??= new AudioContext({ sampleRate: RATE_HZ, latencyHint: 'interactive' });
    this.connect();
  }

  turnOff(): void {
    const context = this.#context;
    this.#context = undefined;
    this.#socket?.close();
    void context?.close();
  }

  /** Connects if it is on, and not connected already. */
  connect(): void {
    if (this.#context === undefined || this.#socket !== undefined) return;
    const socket = new WebSocket(new URL('../sound', location.href));
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#rest = new Uint8Array(0);
    this.#nextS = 0;
    socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => this.#play(data));
    socket.addEventListener('close', ({ reason }) => {
      this.#socket = undefined;
      if (this.isOn) this.#listener.onEnd(reason);
    });
  }

  #play(data: ArrayBuffer): void {
    const context = this.#context;
    if (context === undefined) return;
    const bytes = new Uint8Array(this.#rest.length + data.byteLength);
    bytes.set(this.#rest);
    bytes.set(new Uint8Array(data), this.#rest.length);
    const pairCount = Math.floor(bytes.length / PAIR_BYTES);
    this.#rest = bytes.slice(pairCount * PAIR_BYTES);
    if (pairCount === 0) return;
    // The session's clock and that of the loudspeaker are two: what comes late begins anew, what comes early is left out.
    if (this.#nextS < context.currentTime) this.#nextS = context.currentTime + AHEAD_S;
    if (this.#nextS > context.currentTime + AHEAD_MAX_S) return;
    const source = context.createBufferSource();
    source.buffer = bufferOf(context, new DataView(bytes.buffer), pairCount);
    source.connect(context.destination);
    source.start(this.#nextS);
    this.#nextS += pairCount / RATE_HZ;
  }
}

function bufferOf(context: AudioContext, view: DataView, pairCount: number): AudioBuffer {
  const buffer = context.createBuffer(CHANNEL_COUNT, pairCount, RATE_HZ);
  for (let channel = 0; channel < CHANNEL_COUNT; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < pairCount; i++)
      samples[i] = view.getInt16(i * PAIR_BYTES + channel * 2, true) / 32768;
  }
  return buffer;
}
