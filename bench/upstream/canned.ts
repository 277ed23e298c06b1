// What the upstream answers, whoever plays it, and what the load generator expects of it. The path says which answer is wanted.

const KB = 1_024;

/** Sizes of bodies, in bytes. */
export const BODY_BYTES = { small: KB, large: 100 * KB, huge: KB * KB } as const;

/** The first part of a path. Anything else is answered as `/api/` is. */
export const PLACES = {
  /** 1 KB of JSON. */
  small: '/api/',
  /** 100 KB of JSON. */
  large: '/large/',
  /** 1 MB down. */
  down: '/down/',
  /** Takes a body of any size; answers when all of it has come. */
  up: '/up/',
  /** Server-sent events: one at once, then silence. */
  events: '/events/',
  /** A WebSocket that says again what it is told. */
  socket: '/socket/',
} as const;

export const UP_ANSWER = '{"taken":true}';
export const FIRST_EVENT = 'data: {"hello":true}\n\n';

const ITEM =
  '{"id":12345,"channel":"general","author":"ada","text":"the quick brown fox jumps over the lazy dog"}';

/** Valid JSON of exactly so many bytes: a list of what a service answers. */
export function makeJson(bytes: number): string {
  const frame = { head: '{"items":[', tail: '],"more":""}' };
  const room = bytes - frame.head.length - frame.tail.length;
  const count = Math.floor((room + 1) / (ITEM.length + 1));
  const items = Array.from({ length: count }, () => ITEM).join(',');
  const filler = '.'.repeat(room - items.length);
  return `${frame.head}${items}],"more":"${filler}"}`;
}
