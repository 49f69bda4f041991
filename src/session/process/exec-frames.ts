// The frames that host and exec agent exchange: type (1 byte), length (u32, little-endian), payload.

/** What the host sends. */
export type HostFrameType = 'A' | 'E' | 'D' | 'X' | 'I' | 'C' | 'S' | 'K' | 'J' | 'Z';

const HEADER_BYTES = 5;

/** The longest payload that the agent takes. */
export const LARGEST_PAYLOAD_BYTES = 1_048_576;

/** A frame from the agent. */
export interface AgentFrame {
  readonly type: string;
  readonly payload: Buffer;
}

/** The bytes of a frame. */
export function encodeFrame(type: HostFrameType, payload: string | Uint8Array = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  if (body.length > LARGEST_PAYLOAD_BYTES)
    throw new RangeError(`a frame of ${body.length} bytes is too long`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(type, 'latin1');
  header.writeUInt32LE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** Takes bytes as they come and gives whole frames. */
export function createFrameReader(): (bytes: Buffer) => readonly AgentFrame[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const frames: AgentFrame[] = [];
    while (rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + rest.readUInt32LE(1);
      if (end - HEADER_BYTES > LARGEST_PAYLOAD_BYTES) {
        const [type, sizeBytes] = [rest.toString('latin1', 0, 1), end - HEADER_BYTES];
        throw new RangeError(
          `the agent sent a frame of type "${type}" with ${sizeBytes} bytes, which is too long`,
        );
      }
      if (rest.length < end) break;
      frames.push({ type: rest.toString('latin1', 0, 1), payload: rest.subarray(HEADER_BYTES, end) });
      rest = rest.subarray(end);
    }
    return frames;
  };
}
