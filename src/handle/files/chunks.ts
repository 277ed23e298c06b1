/** Cuts a stream into pieces of exactly `size` bytes, and a last one of what is left (never empty). */
export async function* cutIntoChunks(bytes: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const piece of bytes) {
    held.push(piece);
    length += piece.length;
    if (length < size) continue;
    const joined = Buffer.concat(held);
    const whole = length - (length % size);
    for (let at = 0; at < whole; at += size) yield joined.subarray(at, at + size);
    held = [joined.subarray(whole)];
    length -= whole;
  }
  if (length > 0) yield Buffer.concat(held);
}
