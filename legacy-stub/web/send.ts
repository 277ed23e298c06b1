import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Answer, HeaderList, Sink } from './answers.ts';
import { renderJson } from './json.ts';

/** How the body leaves: whole, or broken off in the middle (a fault). */
export type Delivery = 'whole' | 'cut';

// Django's SecurityMiddleware and XFrameOptionsMiddleware put these on everything.
const SECURITY_HEADERS: HeaderList = [
  ['X-Frame-Options', 'DENY'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
];

/** Writes an answer; `viewHeaders` are those of the API view that gave it. Rejects where the body breaks off. */
export async function sendAnswer(
  res: ServerResponse,
  answer: Answer,
  viewHeaders: HeaderList,
  delivery: Delivery,
): Promise<void> {
  const { body } = answer;
  const whole = body.kind === 'json' ? renderJson(body.value) : body.kind === 'page' ? body.html : undefined;
  const type = { json: 'application/json', pieces: 'application/json', page: 'text/html; charset=utf-8' };
  const headers: (readonly [string, string])[] = [['Server', 'gunicorn']];
  if (body.kind in type) headers.push(['Content-Type', type[body.kind as keyof typeof type]]);
  headers.push(
    ...(answer.headers ?? []),
    ...(body.kind === 'page' || answer.status === 301 ? [] : viewHeaders),
  );
  headers.push(...SECURITY_HEADERS);
  if (whole !== undefined) headers.push(['Content-Length', String(Buffer.byteLength(whole))]);
  if (body.kind === 'none' && answer.status !== 204 && answer.status !== 304)
    headers.push(['Content-Length', '0']);
  res.writeHead(answer.status, headers.flat());
  const sink = openSink(res, delivery);
  if (whole !== undefined) await sink.write(whole);
  if (body.kind === 'pieces') await writePieces(sink, body.texts);
  if (body.kind === 'stream' && res.req.method !== 'HEAD') await body.write(sink);
  if (delivery === 'cut') return void res.destroy();
  if (!res.destroyed) res.end();
}

async function writePieces(sink: Sink, texts: Iterable<string>): Promise<void> {
  for (const text of texts) if (!(await sink.write(text))) return;
}

function openSink(res: ServerResponse, delivery: Delivery): Sink {
  const goneAway = new AbortController();
  if (res.destroyed) goneAway.abort();
  res.once('close', () => goneAway.abort());
  return {
    gone: goneAway.signal,
    async write(piece) {
      if (res.destroyed || goneAway.signal.aborted) return false;
      if (delivery === 'cut') return cut(res, Buffer.from(piece));
      if (!res.write(piece)) await once(res, 'drain', { signal: goneAway.signal }).catch(() => {});
      return !goneAway.signal.aborted;
    },
  };
}

/** Half of the first piece, then the connection breaks. */
async function cut(res: ServerResponse, bytes: Buffer): Promise<false> {
  await new Promise((resolve) => res.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), resolve));
  res.destroy();
  return false;
}
