// Runs in the viewer's page before its own scripts: has the display asked for another encoding than the page would ask for.
// `deskpodEncoding` says which: a quality of JPEG, another encoding alone, and whether noVNC decodes JPEG as it does by itself.

{
  const { quality, only, isAsNoVnc } = globalThis.deskpodEncoding;
  const SET_ENCODINGS = 2;
  const [LOWEST_QUALITY, HIGHEST_QUALITY] = [-32, -23];
  /** RFB's encodings of pixels; all that is below 0 says something else. */
  const isOfPixels = (encoding) => encoding >= 0;
  const send = WebSocket.prototype.send;

  WebSocket.prototype.send = function (data) {
    send.call(this, data instanceof Uint8Array && data[0] === SET_ENCODINGS ? chosen(data) : data);
  };

  function chosen(message) {
    const asked = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const encodings = Array.from({ length: asked.getUint16(2) }, (_, i) => asked.getInt32(4 + i * 4))
      .filter((encoding) => only === undefined || !isOfPixels(encoding))
      .filter((encoding) => encoding < LOWEST_QUALITY || encoding > HIGHEST_QUALITY);
    if (only === undefined) encodings.push(LOWEST_QUALITY + quality);
    else encodings.unshift(only);
    const answer = new DataView(new ArrayBuffer(4 + encodings.length * 4));
    answer.setUint8(0, SET_ENCODINGS);
    answer.setUint16(2, encodings.length);
    for (const [i, encoding] of encodings.entries()) answer.setInt32(4 + i * 4, encoding);
    return new Uint8Array(answer.buffer);
  }

  if (isAsNoVnc) globalThis.ImageDecoder = undefined;
}
