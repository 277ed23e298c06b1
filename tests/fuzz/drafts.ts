import type { Random } from './random.ts';

/** A request before it is written: every part may be spoiled on its own. One character is one byte. */
export type Draft = Readonly<{
  requestLine: string;
  lines: readonly string[];
  /** What ends each line of the head. */
  lineEnd: string;
  body: string;
}>;

export const HOST = 'acme.localhost';
/** Whom nobody in the fuzzer has a credential for: where this name turns up as an identity, it was forged. */
export const VICTIM = 'initech';
export const VICTIM_USER = '9999';
const KEY = 'Authorization: Bearer byn_demo_acme';

export function writeDraft({ requestLine, lines, lineEnd, body }: Draft): string {
  return [requestLine, ...lines, '', ''].join(lineEnd) + body;
}

/** A good request that nobody else sends. */
export function makeDraft(random: Random, id: string): Draft {
  const make = random.pick(KINDS);
  const draft = make(random, id);
  const more = [
    `X-Request-Id: fuzz-${id}`,
    ...(random.chance(50) ? [KEY] : []),
    ...(random.chance(30) ? [CHATTER] : []),
  ];
  return { ...draft, lines: [`Host: ${HOST}`, ...more, ...draft.lines] };
}

const CHATTER = 'Accept: */*, text/html;q=0.5';

/** A request inside a body: it must never become one. */
export const smuggled = (id: string) =>
  `GET /smuggled/${id} HTTP/1.1\r\nHost: ${HOST}\r\nX-Request-Id: smuggled-${id}\r\nX-Tenant-Id: ${VICTIM}\r\n\r\n`;

type Make = (random: Random, id: string) => Draft;

const plain = (requestLine: string, lines: readonly string[] = [], body = ''): Draft => ({
  requestLine,
  lines,
  lineEnd: '\r\n',
  body,
});

const withLength = (method: string): Make => {
  return (random, id) => {
    const body = makeBody(random, id);
    return plain(
      `${method} /f/${id}/ HTTP/1.1`,
      ['Content-Type: application/json', `Content-Length: ${body.length}`],
      body,
    );
  };
};

const withChunks = (method: string): Make => {
  return (random, id) =>
    plain(
      `${method} /f/${id}/?q=1 HTTP/1.1`,
      ['Transfer-Encoding: chunked'],
      writeChunks(random, makeBody(random, id)),
    );
};

const KINDS: readonly Make[] = [
  (_random, id) => plain(`GET /f/${id}/?b=2&a=%20&a=1 HTTP/1.1`),
  (_random, id) => plain(`GET /f/${id}/ HTTP/1.1`, ['Cookie: theme=dark; csrftoken=x', 'User-Agent: fuzz/1']),
  (_random, id) =>
    plain(`GET /api/ai/jobs/?id=${id} HTTP/1.1`, [KEY.replace('Authorization: Bearer', 'X-API-Key:')]),
  (_random, id) => plain(`HEAD /f/${id}/ HTTP/1.1`),
  (_random, id) => plain(`OPTIONS /f/${id}/ HTTP/1.1`, ['Max-Forwards: 7']),
  (_random, id) => plain(`DELETE /f/${id}/ HTTP/1.1`),
  (_random, id) => plain(`GET http://${HOST}/f/${id}/ HTTP/1.1`),
  (_random, id) => plain(`GET /f/${id}/ HTTP/1.0`),
  (_random, id) => plain(`GET /f/${id}/ HTTP/1.0`, ['Connection: keep-alive']),
  (_random, id) =>
    plain(`GET /ws/chat/${id}/ HTTP/1.1`, [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ]),
  (random, id) => {
    const body = makeBody(random, id);
    return plain(`POST /f/${id}/ HTTP/1.1`, ['Expect: 100-continue', `Content-Length: ${body.length}`], body);
  },
  withLength('POST'),
  withLength('POST'),
  withLength('PUT'),
  withLength('PATCH'),
  withLength('GET'),
  withLength('DELETE'),
  withChunks('POST'),
  withChunks('POST'),
  withChunks('PUT'),
  withChunks('GET'),
  withChunks('DELETE'),
  withChunks('OPTIONS'),
  withChunks('HEAD'),
];

function makeBody(random: Random, id: string): string {
  return random.pick([
    () => `{"id":"${id}"}`,
    () => smuggled(id),
    () => `0\r\n\r\n${smuggled(id)}`,
    () => '',
    () => String.fromCharCode(...Array.from({ length: 1 + random.whole(60) }, () => random.whole(256))),
    () => 'x'.repeat(random.whole(3_000)),
  ])();
}

export function writeChunks(random: Random, body: string): string {
  let text = '';
  for (let at = 0; at < body.length; ) {
    const size = 1 + random.whole(body.length - at);
    text += `${size.toString(16)}${random.chance(10) ? ';a=b' : ''}\r\n${body.slice(at, at + size)}\r\n`;
    at += size;
  }
  return `${text}0\r\n\r\n`;
}
