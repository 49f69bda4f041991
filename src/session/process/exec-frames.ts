// The frames that host and exec agent exchange: type (1 byte), length (u32, little-endian), payload.
import { DeskPodError } from '../../core/errors.ts';

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

/**
 * Takes bytes as they come and gives whole frames. The agent is behind the barrier: however it cuts its frames, each byte
 * is copied once at most, and no more is held than one frame.
 *
 * @throws DeskPodError EXEC_FAILED for a frame that is too long
 */
export function createFrameReader(): (bytes: Buffer) => readonly AgentFrame[] {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  /** Of the frame that has begun and not ended, with how much of it is there. */
  let begun: { readonly payload: Buffer; sizeBytes: number } | undefined;
  return (bytes) => {
    const frames: AgentFrame[] = [];
    const type = (): string => header.toString('latin1', 0, 1);
    for (let at = 0; at < bytes.length; ) {
      if (begun !== undefined) {
        const copied = bytes.copy(begun.payload, begun.sizeBytes, at);
        at += copied;
        begun.sizeBytes += copied;
        if (begun.sizeBytes < begun.payload.length) break;
        frames.push({ type: type(), payload: begun.payload });
        begun = undefined;
        continue;
      }
      const copied = bytes.copy(header, headerBytes, at);
      at += copied;
      headerBytes += copied;
      if (headerBytes < HEADER_BYTES) break;
      headerBytes = 0;
      const sizeBytes = payloadBytes(header);
      if (bytes.length - at < sizeBytes) begun = { payload: Buffer.alloc(sizeBytes), sizeBytes: 0 };
      else {
        frames.push({ type: type(), payload: bytes.subarray(at, at + sizeBytes) });
        at += sizeBytes;
      }
    }
    return frames;
  };
}

function payloadBytes(header: Buffer): number {
  const sizeBytes = header.readUInt32LE(1);
  if (sizeBytes <= LARGEST_PAYLOAD_BYTES) return sizeBytes;
  throw new DeskPodError(
    'EXEC_FAILED',
    `the agent in the session sent a frame of ${sizeBytes} bytes, more than ${LARGEST_PAYLOAD_BYTES}`,
  );
}

/**
 * How a command ended, by the agent's words: exit code and signal.
 * @throws DeskPodError EXEC_FAILED if they are none
 */
export function parseExit(payload: Buffer): { exitCode: number; signal: number } {
  const [, status, signal] = /^(\d{1,3})(?: (\d{1,3}))?$/.exec(payload.toString('latin1').trim()) ?? [];
  if (status === undefined)
    throw new DeskPodError('EXEC_FAILED', 'the agent in the session tells no exit code that can be read');
  const ended = Number(signal ?? 0);
  return { exitCode: ended === 0 ? Number(status) : 128 + ended, signal: ended };
}
