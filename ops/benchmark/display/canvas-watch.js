// Runs in the page, ours or the other's, before its own scripts: notes what is drawn on its canvas, and when.

{
  const STRIP_HEIGHT = 40;
  const CELL = 40;
  const BITS = 12;
  const CELL_COUNT = BITS + 2;
  /** Of the frames that are kept: lines in the middle, to be compared with the same of another way. */
  const BAND = { y: 232, height: 256 };

  /** Bytes of all messages of WebSockets, and how often the canvas was drawn on. */
  const counts = { bytes: 0, draws: 0 };
  const frames = [];
  const changes = [];
  const kept = new Map();
  let keptEvery = Number.POSITIVE_INFINITY;
  let keyAtMs;
  let before;
  let lastDrawAtMs = 0;
  let mode = 'off';

  const NativeSocket = WebSocket;
  window.WebSocket = new Proxy(NativeSocket, {
    construct: (target, args) => {
      const socket = new target(...args);
      socket.addEventListener('message', ({ data }) => {
        counts.bytes += data.byteLength ?? data.size ?? data.length;
      });
      return socket;
    },
  });

  for (const name of ['drawImage', 'putImageData']) {
    const draw = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...args) {
      draw.apply(this, args);
      if (this.canvas.isConnected) look(this);
    };
  }

  // The browser stamps an event when it came, which is before the page sees it.
  addEventListener(
    'keydown',
    ({ timeStamp }) => {
      keyAtMs = timeStamp;
    },
    { capture: true },
  );

  function look(context) {
    lastDrawAtMs = performance.now();
    counts.draws += 1;
    if (mode === 'frames') lookForFrame(context);
    else if (mode === 'change') lookForChange(context);
  }

  /** A frame says its number twice, at the top and at the bottom: two numbers are two halves of different frames. */
  function lookForFrame(context) {
    const { height } = context.canvas;
    const [top, bottom] = [STRIP_HEIGHT / 2, height - STRIP_HEIGHT / 2].map((y) => numberAt(context, y));
    if (top === undefined || bottom === undefined) return;
    const last = frames.at(-1);
    if (last !== undefined && last.top === top && last.bottom === bottom) last.count += 1;
    else {
      frames.push({ top, bottom, count: 1, atMs: lastDrawAtMs });
      if (top === bottom && top % keptEvery === 0 && !kept.has(top)) keep(context.canvas, top);
    }
  }

  function keep(canvas, number) {
    const copy = new OffscreenCanvas(canvas.width, BAND.height);
    copy.getContext('2d').drawImage(canvas, 0, -BAND.y);
    kept.set(number, copy);
  }

  async function pictureOf(number) {
    const blob = await kept.get(number).convertToBlob();
    const reader = new FileReader();
    await new Promise((resolve) => {
      reader.onload = resolve;
      reader.readAsDataURL(blob);
    });
    return reader.result;
  }

  /** The number in the blocks of a strip, between one that is white and one that is black; undefined without these. */
  function numberAt(context, y) {
    const { data } = context.getImageData(0, y, CELL * CELL_COUNT, 1);
    const cells = Array.from({ length: CELL_COUNT }, (_, i) => {
      const [red, green, blue] = data.subarray((i * CELL + CELL / 2) * 4);
      if (Math.min(red, green, blue) > 180) return 1;
      return Math.max(red, green, blue) < 75 ? 0 : undefined;
    });
    if (cells[0] !== 1 || cells.at(-1) !== 0 || cells.includes(undefined)) return undefined;
    return cells.slice(1, -1).reduce((number, bit, i) => number + bit * 2 ** i, 0);
  }

  /** The upper lines of the picture, where the text is that is typed. */
  function lookForChange(context) {
    const { data } = context.getImageData(0, 0, context.canvas.width, STRIP_HEIGHT);
    const now = new Uint32Array(data.buffer);
    const isChanged = now.some((pixel, i) => pixel !== before?.[i]);
    before = now;
    if (!isChanged || keyAtMs === undefined) return;
    changes.push(lastDrawAtMs - keyAtMs);
    keyAtMs = undefined;
  }

  window.deskpodBench = {
    counts,
    frames,
    changes,
    pictureOf,
    get keptNumbers() {
      return [...kept.keys()];
    },
    watch: (what, every = Number.POSITIVE_INFINITY) => {
      mode = what;
      keptEvery = every;
      kept.clear();
      frames.length = 0;
      changes.length = 0;
      keyAtMs = undefined;
      if (what === 'change') lookForChange(document.querySelector('canvas').getContext('2d'));
    },
    get sinceKeyMs() {
      return lastDrawAtMs - keyAtMs;
    },
    get stillMs() {
      return performance.now() - lastDrawAtMs;
    },
  };
}
