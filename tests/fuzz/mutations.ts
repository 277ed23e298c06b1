import { type Draft, HOST, smuggled, VICTIM, VICTIM_USER } from './drafts.ts';
import type { Random } from './random.ts';
import {
  ABSOLUTE_TARGETS,
  CODING_NAMES,
  CODINGS,
  CONNECTIONS,
  CREDENTIALS,
  EXPECTATIONS,
  HOSTS,
  LENGTH_NAMES,
  LENGTHS,
  METHODS,
  NAMES,
  SIZES,
  TAG,
  TARGETS,
  UPGRADES,
  VERSIONS,
} from './spoiled-words.ts';

/** Spoils one thing of a request. */
export type Mutation = (draft: Draft, random: Random, id: string) => Draft;

const addLine =
  (make: (random: Random, id: string) => string): Mutation =>
  (draft, random, id) => {
    const at = random.whole(draft.lines.length + 1);
    return { ...draft, lines: draft.lines.toSpliced(at, 0, make(random, id)) };
  };

const changeLine =
  (change: (line: string, random: Random) => string): Mutation =>
  (draft, random) => {
    if (draft.lines.length === 0) return draft;
    const at = random.whole(draft.lines.length);
    return { ...draft, lines: draft.lines.with(at, change(draft.lines[at] ?? '', random)) };
  };

/** In the place of every line of that name, or else beside the others. */
const replaceLine =
  (name: string, make: (random: Random, id: string) => string): Mutation =>
  (draft, random, id) => ({
    ...draft,
    lines: [
      ...draft.lines.filter((line) => !line.toLowerCase().startsWith(`${name.toLowerCase()}:`)),
      make(random, id),
    ],
  });

const changeBody =
  (change: (body: string, random: Random, id: string) => string): Mutation =>
  (draft, random, id) => ({ ...draft, body: change(draft.body, random, id) });

const changeWord =
  (index: number, make: (random: Random, id: string) => string): Mutation =>
  (draft, random, id) => ({
    ...draft,
    requestLine: draft.requestLine.split(' ').with(index, make(random, id)).join(' '),
  });

const insert = (text: string, at: number, what: string) => text.slice(0, at) + what + text.slice(at);

function spell(name: string, random: Random): string {
  return random.pick([
    () => name,
    () => name.toLowerCase(),
    () => name.toUpperCase(),
    () => name.replaceAll('-', '_'),
    () => name.replace('-', '_'),
    () => name.replaceAll('-', '.'),
    () => `${name} `,
    () => ` ${name}`,
    () => `${name}\t`,
    () => `${name}\x00`,
    () => `X:1\n${name}`,
    () => `X: 1\r${name}`,
    () => name.replaceAll('-', '\u00ad'),
    () => name.replaceAll('-', '--'),
    () => `HTTP_${name.toUpperCase().replaceAll('-', '_')}`,
  ])();
}

const forge = (random: Random): string =>
  `${spell(random.pick(NAMES), random)}: ${random.pick([VICTIM, VICTIM_USER, TAG, '1', 'legacy', '127.0.0.1', `${VICTIM},acme`, ''])}`;

const lengthen = (line: string, random: Random) =>
  line + 'a'.repeat(random.pick([500, 8_000, 17_000, 40_000, 70_000]));
const replaceAt = (text: string, pattern: RegExp, make: (found: string) => string) =>
  text.replace(pattern, make);

/** Every kind of spoiling, by its name in reports. */
export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a method': changeWord(0, (random) => random.pick(METHODS)),
  'a target': changeWord(1, (random, id) => random.pick(random.chance(30) ? ABSOLUTE_TARGETS : TARGETS)(id)),
  'a target behind a good one': (draft, random, id) => {
    const [method = '', , ...rest] = draft.requestLine.split(' ');
    return { ...draft, requestLine: [method, `/f/${id}${random.pick(TARGETS)(id)}`, ...rest].join(' ') };
  },
  'a version': changeWord(2, (random) => random.pick(VERSIONS)),
  'white space in the request line': (draft, random) => {
    const space = random.pick(['  ', '\t', ' \t', '\x0b', '\x0c', '\u00a0', '', '\r']);
    const at = random.pick([
      0,
      draft.requestLine.indexOf(' '),
      draft.requestLine.lastIndexOf(' '),
      draft.requestLine.length,
    ]);
    return { ...draft, requestLine: insert(draft.requestLine, at, space) };
  },
  'empty lines in front': (draft, random) => ({
    ...draft,
    requestLine: random.pick(['\r\n', '\n', '\r\n\r\n', '\r', '\x00', ' ']) + draft.requestLine,
  }),
  'a line twice': (draft, random) => {
    const line = random.pick(draft.lines) ?? '';
    return { ...draft, lines: draft.lines.toSpliced(random.whole(draft.lines.length + 1), 0, line) };
  },
  'a line less': (draft, random) => ({
    ...draft,
    lines: draft.lines.toSpliced(random.whole(draft.lines.length), 1),
  }),
  'lines in another order': (draft, random) => {
    const at = random.whole(draft.lines.length);
    return { ...draft, lines: [...draft.lines.slice(at), ...draft.lines.slice(0, at)] };
  },
  'a space before the colon': changeLine((line, random) =>
    replaceAt(line, /:/, () => random.pick([' :', '\t:', '\x00:', '::', ''])),
  ),
  'white space behind the colon': changeLine((line, random) =>
    replaceAt(line, /: /, () => random.pick([':', ':\t', ':  ', ': \x0b', ':\r\n ', ':\n', ': \r'])),
  ),
  'white space at the end of a line': changeLine(
    (line, random) => line + random.pick([' ', '\t', ' \t ', '\x0b', '\x00', '\r', '\x7f', '\u0085']),
  ),
  'an indented line': changeLine((line, random) => random.pick([' ', '\t', '\x0b']) + line),
  'a folded line': changeLine(
    (line, random) => line + random.pick(['\r\n folded', '\r\n\tfolded', '\n folded', '\r\n ', '\r\n\t: x']),
  ),
  'a name in other letters': changeLine((line, random) =>
    replaceAt(line, /^[^:]*/, (name) => (random.chance(50) ? name.toUpperCase() : name.toLowerCase())),
  ),
  'an odd sign in a name': changeLine((line, random) =>
    insert(
      line,
      random.whole(Math.max(1, line.indexOf(':'))),
      random.pick(['(', ')', ',', '/', '"', '\x00', '\x80', '\x7f', '\n', '\r', '@', '{', '_']),
    ),
  ),
  'an odd sign in a value': changeLine((line, random) =>
    insert(
      line,
      line.length - random.whole(3),
      random.pick(['\x00', '\x01', '\n', '\r', '\x7f', '\x80', '\xff', '\t', '\x1b', '\x0b']),
    ),
  ),
  'another end of lines': (draft, random) => ({
    ...draft,
    lineEnd: random.pick(['\n', '\r', '\n\r', '\r\r\n', '\r\n\n', '\x85', '\r\n']),
  }),
  'a line that ends in LF': changeLine((line) => `${line}\nX-Behind: 1`),
  'a line that ends in CR': changeLine((line) => `${line}\rX-Behind: 1`),
  'an empty name': addLine(() => ': nothing'),
  'a line without a colon': addLine(() => 'Nonsense'),
  'a length': replaceLine('Content-Length', (random) => `Content-Length: ${random.pick(LENGTHS)}`),
  'a second length': addLine((random) => `Content-Length: ${random.pick(LENGTHS)}`),
  'a length under another name': addLine((random) => `${random.pick(LENGTH_NAMES)}: ${random.pick(LENGTHS)}`),
  'a coding': replaceLine('Transfer-Encoding', (random) => `Transfer-Encoding: ${random.pick(CODINGS)}`),
  'a second coding': addLine((random) => `Transfer-Encoding: ${random.pick(['chunked', ...CODINGS])}`),
  'a coding under another name': addLine((random) => `${random.pick(CODING_NAMES)}: chunked`),
  'a chunk size': changeBody((body, random) => replaceAt(body, /^[0-9a-f]+/, () => random.pick(SIZES))),
  'a chunk that is too long or too short': changeBody((body, random) =>
    replaceAt(body, /^[0-9a-f]+/, (size) =>
      Math.max(0, Number.parseInt(size, 16) + random.pick([-2, -1, 1, 2, 16])).toString(16),
    ),
  ),
  'an extension of a chunk': changeBody((body, random) =>
    replaceAt(
      body,
      /^[0-9a-f]+/,
      (size) =>
        size +
        random.pick([
          ';',
          ';a',
          ';a=b',
          '; a = "b"',
          ';a=b\n',
          ';\r',
          ' ;a',
          `;${'e'.repeat(3_000)}`,
          `;${'e'.repeat(20_000)}`,
          ';"\r\n"',
          ';\x00',
          '\t;x',
        ]),
    ),
  ),
  'another end of chunk lines': changeBody((body, random) =>
    body.replaceAll('\r\n', random.pick(['\n', '\r', '\r\r\n', '\r\n\n'])),
  ),
  'one odd end of a chunk line': changeBody((body, random) => {
    const ends = [...body.matchAll(/\r\n/g)].map(({ index }) => index);
    const at = random.pick(ends.length > 0 ? ends : [0]);
    return body.slice(0, at) + random.pick(['\n', '\r', '', 'x\r\n', '\r\nx']) + body.slice(at + 2);
  }),
  trailers: changeBody((body, random) =>
    replaceAt(
      body,
      /0\r\n\r\n$/,
      () =>
        `0\r\n${random.pick([forge(random), 'Content-Length: 5', 'Transfer-Encoding: chunked', 'X-Fine: 1', 'Host: evil', 'Bad', ' folded', 'A : 1', `T: ${'t'.repeat(9_000)}`])}\r\n\r\n`,
    ),
  ),
  'a trailer announced': addLine(
    (random) => `Trailer: ${random.pick(['X-Fine', 'Content-Length', 'X-Identity-Tag'])}`,
  ),
  'no last chunk': changeBody((body) => replaceAt(body, /0\r\n\r\n$/, () => '')),
  'two last chunks': changeBody((body) => `${body}0\r\n\r\n`),
  'a body that is longer': changeBody(
    (body, random, id) => body + random.pick(['x', '\r\n', '\n', smuggled(id), '0\r\n\r\n']),
  ),
  'a body that is shorter': changeBody((body, random) =>
    body.slice(0, Math.max(0, body.length - 1 - random.whole(10))),
  ),
  'a body where none is announced': changeBody((_body, _random, id) => smuggled(id)),
  'a body inside out': changeBody((_body, _random, id) => `0\r\n\r\n${smuggled(id)}`),
  'a host': replaceLine('Host', (random) => `Host: ${random.pick(HOSTS)}`),
  'a second host': addLine(
    (random) =>
      `${random.pick(['Host', 'host', 'HOST', ' Host', 'Host '])}: ${random.pick([...HOSTS, HOST])}`,
  ),
  'an expectation': replaceLine('Expect', (random) => `Expect: ${random.pick(EXPECTATIONS)}`),
  'a connection option': addLine(
    (random) =>
      `${random.pick(['Connection', 'connection', 'Proxy-Connection', 'Keep-Alive'])}: ${random.pick(CONNECTIONS)}`,
  ),
  'an upgrade': (draft, random) => ({
    ...draft,
    lines: [
      ...draft.lines,
      random.pick(['Connection: Upgrade', 'Connection: upgrade, close', 'Connection: x']),
      `Upgrade: ${random.pick(UPGRADES)}`,
    ],
  }),
  'an upgrade beside a coding': (draft, random) => ({
    ...draft,
    lines: [
      ...draft.lines.filter((line) => !line.startsWith('Transfer-Encoding')),
      `Transfer-Encoding: ${random.pick(['chunked', 'chunked\t', 'chunked ', ...CODINGS])}`,
      'Connection: Upgrade',
      'Upgrade: h2c',
    ],
  }),
  'a websocket key': replaceLine(
    'Sec-WebSocket-Key',
    (random) =>
      `Sec-WebSocket-Key: ${random.pick(['', 'x', 'dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ==, y'])}`,
  ),
  'a forged identity': addLine(forge),
  'two forged identities': (draft, random) => ({
    ...draft,
    lines: [forge(random), ...draft.lines, forge(random)],
  }),
  'another credential': addLine((random) => random.pick(CREDENTIALS)),
  'no request id': (draft) => ({
    ...draft,
    lines: draft.lines.filter((line) => !line.startsWith('X-Request-Id')),
  }),
  hops: addLine((random) =>
    random.pick([
      'Via: 1.1 banyan',
      'Via: 1.0 fred, 1.1 banyan',
      'Via: 1.1 other',
      'Max-Forwards: 0',
      'Max-Forwards: -1',
      'Max-Forwards: 3',
      'TE: trailers',
      'TE: trailers, deflate',
      'Keep-Alive: timeout=5',
    ]),
  ),
  'another method told in a header': addLine(
    (random) => `${random.pick(['X-HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method'])}: DELETE`,
  ),
  'a flood of headers': (draft, random) => ({
    ...draft,
    lines: [
      ...draft.lines,
      ...Array.from({ length: random.pick([50, 180, 200, 400, 1_500]) }, (_, i) => `X-N${i}: ${i}`),
    ],
  }),
  'a framing header behind a flood': (draft, random) => ({
    ...draft,
    lines: [
      ...Array.from({ length: random.pick([150, 250, 1_100]) }, (_, i) => `N${i}: 1`),
      ...draft.lines,
      'Transfer-Encoding: chunked',
    ],
  }),
  'a long line': changeLine(lengthen),
  'a long target': (draft, random) => ({
    ...draft,
    requestLine: draft.requestLine.replace(
      '/f/',
      `/${'a'.repeat(random.pick([2_000, 16_300, 17_000, 66_000]))}/`,
    ),
  }),
};
