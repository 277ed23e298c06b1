import type { Answer } from '../support/sides.ts';

/** The headers that are part of the contract. Framing, `Server`, `Date` and what the gateway adds are not. */
const HEADERS = [
  'content-type',
  'allow',
  'vary',
  'x-frame-options',
  'x-content-type-options',
  'referrer-policy',
  'cross-origin-opener-policy',
  'set-cookie',
  'cache-control',
  'location',
  'etag',
  'last-modified',
  'accept-ranges',
  'content-range',
  'content-disposition',
  'www-authenticate',
  'retry-after',
] as const;

const HOUR_MS = 3_600_000;

/** What a clock or a die made is not compared: the only rules by which an answer is changed before it is. */
const MASKS: readonly (readonly [name: string, mask: (text: string) => string])[] = [
  [
    'a time of the last hour',
    (text) =>
      text.replace(/"\d{4}-\d\d-\d\dT[\d:]+(?:\.\d{6})?Z"/g, (time) =>
        isFresh(time.slice(1, -1)) ? '"<now>"' : time,
      ),
  ],
  [
    'an HTTP date that is not from the seeded past',
    (text) =>
      text.replace(/\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/g, (date) =>
        Date.parse(date) > Date.now() - HOUR_MS ? '<date>' : date,
      ),
  ],
  [
    'a token that was drawn by lot',
    (text) => text.replace(/(csrftoken=)[A-Za-z0-9]{32}|(sessionid=)[a-z0-9]{32}/g, '$1$2<token>'),
  ],
];

function isFresh(time: string): boolean {
  return Math.abs(Date.parse(time) - Date.now()) < HOUR_MS;
}

function mask(text: string): string {
  return MASKS.reduce((masked, [, rule]) => rule(masked), text);
}

/** What of an answer both sides must agree on, byte for byte. */
export function essence(answer: Answer): Readonly<Record<string, unknown>> {
  const headers = HEADERS.flatMap((name) => {
    const value = answer.headers[name];
    return value === undefined ? [] : [[name, Array.isArray(value) ? value.map(mask) : mask(String(value))]];
  });
  const isText = answer.body.length < 100_000 && answer.body.equals(Buffer.from(answer.text));
  const body = isText ? mask(answer.text) : answer.body.toString('base64');
  return { status: answer.status, headers: Object.fromEntries(headers), body };
}
