import { HOST, makeDraft, smuggled, writeDraft } from './drafts.ts';
import { MUTATIONS } from './mutations.ts';
import { openRandom, type Random } from './random.ts';

/** What one connection says, and how it cuts it up. */
export type Stream = Readonly<{
  number: number;
  bytes: Buffer;
  pieces: readonly Buffer[];
  /** Between two pieces, in ms; 0: in one go, as far as the kernel allows. */
  pauseMs: number;
  /** How the client leaves when it waits for nothing more. */
  leaving: 'end' | 'reset';
  /** How many of its requests were spoiled. */
  spoiled: number;
  /** What was done to them, for reports. */
  story: readonly string[];
}>;

/** The stream of this number, the same for the same seed. It ends in a good request, which must be answered as itself or not at all. */
export function makeStream(seed: number, number: number): Stream {
  const random = openRandom((seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
  const requests = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, (_, i) =>
    spoil(random, `${seed}-${number}-${i}`),
  );
  const control = `GET /control/${seed}-${number}/ HTTP/1.1\r\nHost: ${HOST}\r\nX-Request-Id: control-${number}\r\n\r\n`;
  const whole = Buffer.from(requests.map(({ text }) => text).join('') + control, 'latin1');
  const bytes = random.chance(8) ? whole.subarray(0, 1 + random.whole(whole.length)) : whole;
  return {
    number,
    bytes,
    pieces: cut(bytes, random),
    pauseMs: random.pick([0, 0, 0, 1, 3]),
    leaving: random.pick(['end', 'reset'] as const),
    spoiled: requests.length,
    story: requests.flatMap(({ story }) => story),
  };
}

const ALL = Object.keys(MUTATIONS);
/** What often goes through: behind a request that is refused, the rest of its connection proves nothing. */
const MILD: readonly (keyof typeof MUTATIONS)[] = [
  'lines in another order',
  'a name in other letters',
  'a forged identity',
  'two forged identities',
  'trailers',
  'a connection option',
  'a chunk size',
  'an extension of a chunk',
  'another credential',
  'no request id',
  'hops',
  'a body that is longer',
  'a body inside out',
  'a trailer announced',
  'another method told in a header',
  'a line less',
  'white space behind the colon',
  'white space at the end of a line',
  'an upgrade',
  'a version',
  'a method',
  'a target',
  'an upgrade beside a coding',
];

function spoil(random: Random, id: string): Readonly<{ text: string; story: readonly string[] }> {
  let draft = makeDraft(random, id);
  const story: string[] = [];
  const kinds = random.chance(60) ? MILD : ALL;
  const names = Array.from({ length: random.pick([1, 1, 1, 2, 2, 3]) }, () => random.pick(kinds));
  if (random.chance(20)) names.push('a forged identity');
  // Node's parser reads on by other rules where an upgrade is asked for.
  if (random.chance(10)) names.push('an upgrade');
  for (const name of names) {
    draft = MUTATIONS[name]?.(draft, random, id) ?? draft;
    story.push(name);
  }
  const text = writeDraft(draft);
  if (!random.chance(10)) return { text, story };
  const name = random.pick(Object.keys(OF_BYTES));
  return { text: OF_BYTES[name]?.(text, random, id) ?? text, story: [...story, name] };
}

const OF_BYTES: Readonly<Record<string, (text: string, random: Random, id: string) => string>> = {
  'a byte changed': (text, random) => {
    const at = random.whole(text.length);
    return text.slice(0, at) + String.fromCharCode(random.whole(256)) + text.slice(at + 1);
  },
  'bytes left out': (text, random) => {
    const at = random.whole(text.length);
    return text.slice(0, at) + text.slice(at + 1 + random.whole(20));
  },
  'bytes put in': (text, random) => {
    const at = random.whole(text.length);
    return (
      text.slice(0, at) +
      random.pick(['\r\n', '\n', '\r', '\x00', ' ', '\r\n\r\n', ':', '0\r\n\r\n']) +
      text.slice(at)
    );
  },
  'bytes twice': (text, random) => {
    const at = random.whole(text.length);
    const piece = text.slice(at, at + random.whole(60));
    return text.slice(0, at) + piece + text.slice(at);
  },
  'a request put in': (text, random, id) => {
    const at = random.whole(text.length);
    return text.slice(0, at) + smuggled(id) + text.slice(at);
  },
  'an end of line changed': (text, random) => {
    const ends = [...text.matchAll(/\r\n/g)].map(({ index }) => index);
    const at = random.pick(ends);
    return at === undefined
      ? text
      : text.slice(0, at) + random.pick(['\n', '\r', '', '\n\r', '\r\r\n']) + text.slice(at + 2);
  },
};

function cut(bytes: Buffer, random: Random): Buffer[] {
  const places = Array.from({ length: random.pick([0, 0, 0, 1, 1, 2, 4]) }, () => random.whole(bytes.length));
  const edges = [0, ...new Set(places.sort((a, b) => a - b)), bytes.length];
  return edges
    .slice(1)
    .map((edge, i) => bytes.subarray(edges[i], edge))
    .filter((piece) => piece.length > 0);
}
