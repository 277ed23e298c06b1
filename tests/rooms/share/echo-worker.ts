// A worker that answers each line with the number of its process.
import { connectToPrimary } from '../../../src/share/index.ts';

connectToPrimary({
  open: async () => ({
    take: (socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', () => socket.write(`${process.pid}\n`));
    },
    figures: async () => [],
    close: async () => 0,
  }),
});
