// A rehearsal process that dies of the first copy it is given.
process.once('message', () => {
  process.send?.({ kind: 'ready' });
  process.on('message', () => process.exit(7));
});
