// What most teams write: an express 5 app with http-proxy-middleware 4, as its README shows it. The agent that keeps connections is ours:
// without one its default opens a connection for every request, which would be no fair comparison.
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { readPlace } from './place.ts';

const { port, upstream } = readPlace();
const proxy = createProxyMiddleware({
  target: upstream,
  changeOrigin: true,
  ws: true,
  agent: new Agent({ keepAlive: true }),
});
const app = express();
app.use(proxy);
const server = app.listen(port, '127.0.0.1');
server.on('upgrade', proxy.upgrade);
