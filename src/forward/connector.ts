import { buildConnector } from 'undici';
import { openLookup } from './lookup.ts';

/**
 * Connections to legacy on which a reset is told as what it is. By itself undici takes a reset for the end of an answer that ends with its
 * connection, so that half an answer would look whole, and it does not say whether a connection had been used before.
 */
export function openConnector(timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, lookup: openLookup() });
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      // Before undici's own listener, which looks at the code.
      socket.prependListener('error', (trouble: NodeJS.ErrnoException) => {
        if (trouble.code === 'ECONNRESET' || trouble.code === 'EPIPE')
          Object.assign(trouble, { code: 'UND_ERR_SOCKET', socket: { bytesRead: socket.bytesRead } });
      });
      callback(null, socket);
    });
}
