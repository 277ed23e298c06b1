// fast-proxy on a plain server, with undici beneath it: the fastest way in which it can be set up. As many connections as undici likes,
// none of them used by two requests at once; and its cache of parsed addresses holds all that are asked for.
import { createServer } from 'node:http';
import fastProxy from 'fast-proxy';
import { readPlace } from './place.ts';

const { port, upstream } = readPlace();
const { proxy } = fastProxy({
  base: upstream,
  cacheURLs: 1_000,
  undici: { connections: 128, pipelining: 1 },
});
createServer((req, res) => proxy(req, res, req.url ?? '/', {})).listen(port, '127.0.0.1');
