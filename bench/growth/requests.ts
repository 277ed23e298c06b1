// Requests as they come in, without the socket: Node's own class, filled as its parser would.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { openDie } from '../../legacy-stub/seed/random.ts';
import type { BenchRoute } from './world.ts';
import { fillPath } from './world.ts';

export type Asked = Readonly<{ method: string; path: string; caller: number }>;

/** Any route, any caller: who asks what has no pattern that a cache could like. Each with strings of its own, as in life. */
export function throwRequests(
  name: string,
  count: number,
  routes: readonly BenchRoute[],
  callers: number,
): readonly Asked[] {
  const die = openDie(name);
  return Array.from({ length: count }, (_, number) => {
    const { method, template } = die.pick(routes);
    return { method, path: copy(fillPath(template, number)), caller: die.between(0, callers - 1) };
  });
}

/** One for all: what comes in says nothing of it. */
const SOCKET = new Socket();

export function makeMessage({ method, path }: Asked, key: string): IncomingMessage {
  const message = new IncomingMessage(SOCKET);
  message.httpVersionMajor = 1;
  message.httpVersionMinor = 1;
  message.method = method;
  message.url = path;
  message.rawHeaders = [
    ...['Host', 'app.example.org', 'User-Agent', 'growth/1', 'Accept', 'application/json'],
    ...['Accept-Encoding', 'gzip, br', 'Authorization', `Bearer ${key}`],
    ...['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ].map(copy);
  return message;
}

/** Another string of the same letters, in one piece. */
const copy = (text: string) => Buffer.from(text).toString('latin1');
