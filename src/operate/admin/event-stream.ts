import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './endpoint.ts';
import type { EventHub, NumberedEvent } from './event-hub.ts';
import { refuse } from './problem.ts';

const MOST_STREAMS = 32;
const MOST_UNSENT_BYTES = 256 * 1024;
const HEARTBEAT_MS = 15_000;

export type EventStreams = Readonly<{ open(lastEventId: string | undefined): Answer; closeAll(): void }>;

/**
 * Server-sent events (WHATWG HTML section 9.2). Bounded twice: in the number of listeners, and in what waits for one that
 * does not read, who is cut off and comes back with `Last-Event-ID`.
 */
export function openEventStreams(hub: EventHub): EventStreams {
  const open = new Set<ServerResponse>();
  return Object.freeze({
    open: (lastEventId) => {
      if (open.size >= MOST_STREAMS) return refuse('streams_full');
      return { stream: (req, res) => runStream(hub, open, { req, res, lastEventId }) };
    },
    closeAll: () => {
      for (const res of open) res.end();
    },
  });
}

type Listener = Readonly<{ req: IncomingMessage; res: ServerResponse; lastEventId: string | undefined }>;

function runStream(hub: EventHub, open: Set<ServerResponse>, { res, lastEventId }: Listener): void {
  open.add(res);
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  res.write('retry: 2000\n\n');
  const afterId = lastEventId && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : undefined;
  const leave = hub.subscribe(afterId, (event) => send(res, formatEvent(event)));
  const heartbeat = setInterval(() => send(res, ': still here\n\n'), HEARTBEAT_MS).unref();
  res.once('close', () => {
    open.delete(res);
    clearInterval(heartbeat);
    leave();
  });
}

function send(res: ServerResponse, text: string): void {
  if (res.writableLength > MOST_UNSENT_BYTES) res.destroy();
  else res.write(text);
}

function formatEvent({ id, at, event }: NumberedEvent): string {
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify({ at, ...event })}\n\n`;
}
