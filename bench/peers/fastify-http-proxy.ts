// fastify with its own proxy plugin, no logger (its default). It keeps connections by undici's pool, whose default of 128 is enough for 64
// callers.
import httpProxy from '@fastify/http-proxy';
import fastify from 'fastify';
import { readPlace } from './place.ts';

const { port, upstream } = readPlace();
const server = fastify({ bodyLimit: 1024 ** 3 });
await server.register(httpProxy, { upstream, websocket: true });
await server.listen({ port, host: '127.0.0.1' });
