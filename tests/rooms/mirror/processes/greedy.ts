// A rehearsal process that holds more and more memory outside its heap, where no heap limit counts it.
process.once('message', () => {
  process.send?.({ kind: 'ready' });
  const held: Buffer[] = [];
  process.on('message', () => setInterval(() => held.push(Buffer.alloc(32 * 1024 * 1024, 1)), 5));
});
