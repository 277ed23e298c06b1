/** What legacy might say, byte for byte: good answers and hostile ones. */
export type Said = Readonly<{
  name: string;
  bytes: string;
  method?: string;
  /** Only the end of the connection ends it. */
  endsWithConnection?: true;
  /** undici refuses it for the body that it has not. */
  isBeyondUndici?: true;
}>;

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

export const GOOD: readonly Said[] = [
  { name: 'a length', bytes: `${OK}Content-Length: 5\r\n\r\nhello` },
  { name: 'a length in other cases', bytes: `${OK}CONTENT-length: 5\r\n\r\nhello` },
  { name: 'a length with noughts', bytes: `${OK}Content-Length: 0005\r\n\r\nhello` },
  { name: 'no body', bytes: `${OK}Content-Length: 0\r\n\r\n` },
  { name: 'no body, with noughts', bytes: `${OK}Content-Length: 000\r\n\r\n` },
  { name: 'chunks', bytes: `${CHUNKED}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n` },
  {
    name: 'chunks in capitals, with noughts',
    bytes: `${CHUNKED}00A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n`,
  },
  { name: 'chunks with line ends in them', bytes: `${CHUNKED}4\r\n\r\n\r\n\r\n1\r\n\n\r\n0\r\n\r\n` },
  { name: 'chunks with extensions', bytes: `${CHUNKED}5;a=b;c="d;e\\"f"\r\nhello\r\n0;last\r\n\r\n` },
  { name: 'chunks with trailers', bytes: `${CHUNKED}5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n` },
  { name: 'no chunk but the last', bytes: `${CHUNKED}0\r\n\r\n` },
  { name: 'Chunked in other cases', bytes: `${OK}transfer-ENCODING: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n` },
  { name: 'until it closes', bytes: `${OK}X-A: b\r\n\r\nhello`, endsWithConnection: true },
  { name: 'nothing until it closes', bytes: `${OK}\r\n`, endsWithConnection: true },
  { name: 'HTTP/1.0 with a length', bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello' },
  { name: 'HTTP/1.0 until it closes', bytes: 'HTTP/1.0 200 OK\r\n\r\nhello', endsWithConnection: true },
  { name: 'no reason phrase', bytes: 'HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello' },
  { name: 'an empty reason phrase', bytes: 'HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello' },
  {
    name: 'a long reason phrase',
    bytes: 'HTTP/1.1 404 Not to be found: here\r\nContent-Length: 5\r\n\r\nhello',
  },
  { name: 'a status of its own', bytes: 'HTTP/1.1 599 Odd\r\nContent-Length: 5\r\n\r\nhello' },
  {
    name: 'repeats, cases and empty values',
    bytes: `${OK}A: 1\r\na: 2\r\nB:\r\nA:   3\t \r\nContent-Length: 0\r\n\r\n`,
  },
  { name: 'odd names', bytes: `${OK}!#$%&'*+-.^_\`|~09aZ: 1\r\nContent-Length: 0\r\n\r\n` },
  {
    name: 'values with all bytes that are allowed',
    bytes: `${OK}X: a\tb ~\x80\xff: "x"\r\nContent-Length: 0\r\n\r\n`,
  },
  { name: 'a body of all bytes', bytes: `${OK}Content-Length: 7\r\n\r\n\0\r\n\r\n\xff\x01` },
  {
    name: '102 and 103 before it',
    bytes: `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
  },
  { name: 'HEAD with a length', method: 'HEAD', bytes: `${OK}Content-Length: 5\r\n\r\n` },
  { name: 'HEAD of chunks', method: 'HEAD', bytes: CHUNKED },
  { name: '204', bytes: 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n' },
  {
    name: '304 with a length',
    isBeyondUndici: true,
    bytes: 'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5\r\n\r\n',
  },
  { name: 'Connection: close', bytes: `${OK}Connection: close\r\nContent-Length: 5\r\n\r\nhello` },
  { name: 'a head of 60 KiB', bytes: `${OK}X-A: ${'x'.repeat(60 * 1024)}\r\nContent-Length: 2\r\n\r\nok` },
];

const head = (line: string) => `${OK}${line}\r\nContent-Length: 2\r\n\r\nok`;

export const BAD: readonly Said[] = [
  { name: 'no HTTP', bytes: 'SSH-2.0-OpenSSH_9\r\n\r\n' },
  { name: 'no HTTP, and no end', bytes: 'SSH-2.0-OpenSSH_9' },
  { name: 'HTTP/2', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  { name: 'HTTP/1.2', bytes: 'HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'http in lower case', bytes: 'http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a status of two digits', bytes: 'HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a status of four digits', bytes: 'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a status in words', bytes: 'HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok' },
  {
    name: '101 that nobody asked for',
    bytes: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  },
  {
    name: '100 that nobody asked for',
    bytes: `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
  },
  { name: 'lines that LF ends', bytes: 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok' },
  { name: 'one line that LF ends', bytes: `${OK}X-A: b\nContent-Length: 2\r\n\r\nok` },
  { name: 'an end of LF', bytes: `${OK}Content-Length: 2\r\n\nok` },
  { name: 'CR in a value', bytes: head('X-A: a\rb') },
  { name: 'NUL in a value', bytes: head('X-A: a\0b') },
  { name: 'another control character in a value', bytes: head('X-A: a\x07b') },
  { name: 'DEL in a value', bytes: head('X-A: a\x7fb') },
  { name: 'NUL in a name', bytes: head('X\0A: b') },
  { name: 'a space before the colon', bytes: head('X-A : b') },
  { name: 'a space in a name', bytes: head('X A: b') },
  { name: 'no colon', bytes: head('X-A') },
  { name: 'no name', bytes: head(': b') },
  { name: 'a byte beyond ASCII in a name', bytes: head('X\xe4: b') },
  { name: 'two lengths', bytes: `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!` },
  { name: 'the same length twice', bytes: `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok` },
  { name: 'a list of lengths', bytes: `${OK}Content-Length: 2, 2\r\n\r\nok` },
  { name: 'a length with a sign', bytes: `${OK}Content-Length: +2\r\n\r\nok` },
  { name: 'a negative length', bytes: `${OK}Content-Length: -2\r\n\r\nok` },
  { name: 'a length in hex', bytes: `${OK}Content-Length: 0x2\r\n\r\nok` },
  { name: 'a length with a point', bytes: `${OK}Content-Length: 2.0\r\n\r\nok` },
  { name: 'a length with a space in it', bytes: `${OK}Content-Length: 1 1\r\n\r\nok` },
  { name: 'an empty length', bytes: `${OK}Content-Length:\r\n\r\nok` },
  { name: 'a huge length', bytes: `${OK}Content-Length: 99999999999999999999999\r\n\r\nok` },
  {
    name: 'a length and a coding',
    bytes: `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  },
  {
    name: 'a coding and a length',
    bytes: `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  },
  { name: 'a chunk size that is none', bytes: `${CHUNKED}zz\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk size with a sign', bytes: `${CHUNKED}+2\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk size with 0x', bytes: `${CHUNKED}0x2\r\nok\r\n0\r\n\r\n` },
  { name: 'an empty chunk size', bytes: `${CHUNKED}\r\nok\r\n0\r\n\r\n` },
  { name: 'a huge chunk size', bytes: `${CHUNKED}ffffffffffffffffff\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk line that LF ends', bytes: `${CHUNKED}2\nok\r\n0\r\n\r\n` },
  { name: 'a chunk that is longer than it says', bytes: `${CHUNKED}1\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk that LF ends', bytes: `${CHUNKED}2\r\nok\n0\r\n\r\n` },
  { name: 'LF in an extension', bytes: `${CHUNKED}2;a\nb\r\nok\r\n0\r\n\r\n` },
  { name: 'a control character in an extension', bytes: `${CHUNKED}2;a\0b\r\nok\r\n0\r\n\r\n` },
  { name: 'a trailer that is no header', bytes: `${CHUNKED}2\r\nok\r\n0\r\nnothing\r\n\r\n` },
  { name: 'a last chunk that LF ends', bytes: `${CHUNKED}2\r\nok\r\n0\n\n` },
  { name: 'a head of 70 KiB', bytes: head(`X-A: ${'x'.repeat(70 * 1024)}`) },
  { name: 'a body that breaks off', bytes: `${OK}Content-Length: 5\r\n\r\nhell` },
  { name: 'chunks that break off', bytes: `${CHUNKED}5\r\nhello\r\n` },
  { name: 'a head that breaks off', bytes: `${OK}Content-Length: 5\r\n` },
];

/** What we refuse and other readers may take, with the reason. */
export const STRICTER: readonly Said[] = [
  // RFC 9112 section 5.2: a gateway answers 502 or makes spaces of it.
  { name: 'a folded line', bytes: head('X-A: b\r\n c') },
  { name: 'a fold behind the status line', bytes: `${OK} X-A: b\r\nContent-Length: 2\r\n\r\nok` },
  { name: 'another coding', bytes: `${OK}Transfer-Encoding: gzip\r\n\r\nok` },
  { name: 'two codings', bytes: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n` },
  {
    name: 'a length with a space behind it that HTTP does not know',
    bytes: `${OK}Content-Length: 2\xa0\r\n\r\nok`,
  },
  { name: 'an odd coding', bytes: `${OK}Transfer-Encoding: xchunked\r\n\r\nok` },
  {
    name: 'chunked twice',
    bytes: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  },
  { name: 'an empty coding', bytes: `${OK}Transfer-Encoding:\r\n\r\nok` },
  { name: 'an empty line before it', bytes: `\r\n${OK}Content-Length: 2\r\n\r\nok` },
  { name: 'a status beyond 599', bytes: 'HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a status below 100', bytes: 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'HTTP/0.9', bytes: 'HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a space behind a chunk size', bytes: `${CHUNKED}2 \r\nok\r\n0\r\n\r\n` },
  { name: 'a length of sixteen digits', bytes: `${OK}Content-Length: 0000000000000002\r\n\r\nok` },
  { name: 'a chunk size of fourteen digits', bytes: `${CHUNKED}00000000000002\r\nok\r\n0\r\n\r\n` },
];
