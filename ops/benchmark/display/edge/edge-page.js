// The page of an edge: makes pictures of what comes, by WebCodecs, draws them at once in their order, and says so; sends keys.

{
  /** What a message to the edge begins with. */
  const DRAWN = Uint8Array.of(0);
  const KEY = 1;
  const KEYSYMS = { Enter: 0xff0d, Control: 0xffe3, Shift: 0xffe1, ' ': 0x20 };
  /** Of planes over all of 0 to 255, by BT.601, of a screen's own colours. */
  const COLOURS = { matrix: 'smpte170m', primaries: 'bt709', transfer: 'iec61966-2-1', fullRange: true };

  const canvas = document.querySelector('canvas');
  const context = canvas.getContext('2d');
  const socket = new WebSocket(`ws://${location.host}/`);
  socket.binaryType = 'arraybuffer';
  let take;
  let timestamp = 0;
  let asked = Promise.resolve();

  socket.addEventListener('message', ({ data }) => {
    // in the order in which they came, though the first question to the browser takes a while
    if (typeof data === 'string') asked = begin(JSON.parse(data));
    else if (take === undefined) asked = asked.then(() => take(data));
    else take(data);
  });

  async function begin({ coding, width, height, config }) {
    [canvas.width, canvas.height] = [width, height];
    take = coding === 'i420' ? takePlanes : await decoderOf(width, height, config);
  }

  function takePlanes(buffer) {
    const { width, height } = canvas;
    const size = { codedWidth: width, codedHeight: height, timestamp: timestamp++ };
    draw(new VideoFrame(buffer, { format: 'I420', ...size, colorSpace: COLOURS, transfer: [buffer] }));
  }

  async function decoderOf(codedWidth, codedHeight, { codec, description }) {
    const config = {
      ...{ codec, codedWidth, codedHeight, description: Uint8Array.from(description) },
      ...{ optimizeForLatency: true, hardwareAcceleration: 'prefer-software' },
    };
    const { supported } = await VideoDecoder.isConfigSupported(config);
    if (!supported) throw new Error(`expected a browser that decodes ${codec}, got one that does not`);
    const decoder = new VideoDecoder({ output: draw, error: (error) => reportError(error) });
    decoder.configure(config);
    return (buffer) => {
      const [isKey] = new Uint8Array(buffer, 0, 1);
      const data = new Uint8Array(buffer, 1);
      decoder.decode(new EncodedVideoChunk({ type: isKey ? 'key' : 'delta', timestamp: timestamp++, data }));
    };
  }

  function draw(frame) {
    context.drawImage(frame, 0, 0);
    frame.close();
    socket.send(DRAWN);
  }

  for (const type of ['keydown', 'keyup'])
    addEventListener(type, (event) => {
      const keysym = event.key.length === 1 ? event.key.codePointAt(0) : KEYSYMS[event.key];
      if (keysym === undefined) return;
      event.preventDefault();
      const message = new DataView(new ArrayBuffer(6));
      message.setUint8(0, KEY);
      message.setUint8(1, type === 'keydown' ? 1 : 0);
      message.setUint32(2, keysym);
      socket.send(message);
    });
}
