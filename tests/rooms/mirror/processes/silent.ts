// A rehearsal process that is ready, takes copies, and then never comes back to its event loop.
process.once('message', () => {
  process.send?.({ kind: 'ready' });
  process.on('message', () => {
    for (;;);
  });
});
