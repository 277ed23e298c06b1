// A reading of HTTP/1 requests of our own, for tests: RFC 9112 to the letter, nothing repaired, nothing guessed. It shares no code with the
// gateway or with Node, so that the three can be compared.

export type Line = readonly [name: string, value: string];

export type Message = Readonly<{
  method: string;
  target: string;
  version: '1.0' | '1.1';
  /** Values without the white space around them. */
  lines: readonly Line[];
  body: Buffer;
  trailers: readonly Line[];
  /** True where what follows on the connection is no HTTP any more, if the other side agrees. */
  isUpgrade: boolean;
  /** Where it ends. */
  end: number;
}>;

/** `partial`: the bytes so far may be the beginning of a request. */
export type Read =
  | Message
  | Readonly<{ kind: 'partial'; head: boolean }>
  | Readonly<{ kind: 'refused'; why: string }>;

export const isMessage = (read: Read): read is Message => !('kind' in read);

// Two things that Node's parser lets pass, and does not tell of, change nothing of what a request is: more than one space between the words,
// as section 3 allows, and RTSP for HTTP.
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) +([\x21-\x7e]+) +(?:HTTP|RTSP)\/(1\.[01])$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const NO_FIELD_TEXT = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const LENGTH = /^[0-9]{1,15}$/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;.*)?$/s;
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/;

class Refusal extends Error {}
class Partial extends Error {}

/** Reads one request that begins at `from`; empty lines before it are skipped (RFC 9112 section 2.2). */
export function readRequest(bytes: Buffer, from: number): Read {
  let at = from;
  while (bytes[at] === 0x0d || bytes[at] === 0x0a) at += 1;
  const reader = new Reader(bytes, at);
  let isInHead = true;
  try {
    const [, method = '', target = '', version] = match(REQUEST_LINE, reader.line(), 'request line');
    const lines = readFields(reader);
    isInHead = false;
    const frame = readFraming(version as '1.0' | '1.1', lines);
    const { body, trailers } = readBody(reader, frame);
    const isUpgrade = method === 'CONNECT' || isWebSocket(method, version as string, lines, frame);
    return {
      method,
      target,
      version: version as '1.0' | '1.1',
      lines,
      body,
      trailers,
      isUpgrade,
      end: reader.at,
    };
  } catch (error) {
    if (error instanceof Partial) return { kind: 'partial', head: isInHead };
    if (error instanceof Refusal) return { kind: 'refused', why: error.message };
    throw error;
  }
}

export type Conversation = Readonly<{
  messages: readonly Message[];
  /** `clean`: the last request ends where the bytes end. `over`: nothing behind the last request is one. */
  end: 'clean' | 'partial' | 'refused' | 'over';
  why?: string;
}>;

/** Everything that one connection says. */
export function readConversation(bytes: Buffer): Conversation {
  const messages: Message[] = [];
  let at = 0;
  while (at < bytes.length) {
    const read = readRequest(bytes, at);
    if (!isMessage(read)) {
      if (read.kind === 'refused') return { messages, end: 'refused', why: read.why };
      return /^[\r\n]*$/.test(bytes.toString('latin1', at))
        ? { messages, end: 'clean' }
        : { messages, end: 'partial' };
    }
    messages.push(read);
    at = read.end;
    if (read.isUpgrade || isLast(read)) return { messages, end: 'over' };
  }
  return { messages, end: 'clean' };
}

/** The values of a field, by its name in lower case. */
export function valuesOf(lines: readonly Line[], lower: string): readonly string[] {
  return lines.filter(([name]) => name.toLowerCase() === lower).map(([, value]) => value);
}

/** RFC 9112 section 9.3: nothing is read of a connection after a request that says so, or that knows no better. */
function isLast({ version, lines }: Message): boolean {
  const options = listOf(lines, 'connection');
  return options.includes('close') || (version === '1.0' && !options.includes('keep-alive'));
}

class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** Up to CRLF, which is the only end of a line. */
  line(): string {
    for (let i = this.at; i < this.#bytes.length; i += 1) {
      const byte = this.#bytes[i];
      if (byte === 0x0a) throw new Refusal('a bare LF');
      if (byte !== 0x0d) continue;
      if (i + 1 >= this.#bytes.length) break;
      if (this.#bytes[i + 1] !== 0x0a) throw new Refusal('a bare CR');
      const text = this.#bytes.toString('latin1', this.at, i);
      this.at = i + 2;
      return text;
    }
    throw new Partial();
  }

  take(length: number): Buffer {
    if (this.at + length > this.#bytes.length) throw new Partial();
    const taken = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }
}

function match(pattern: RegExp, text: string, what: string): RegExpExecArray {
  const found = pattern.exec(text);
  if (found === null) throw new Refusal(`no ${what}`);
  return found;
}

function readFields(reader: Reader): Line[] {
  const lines: Line[] = [];
  for (let line = reader.line(); line !== ''; line = reader.line()) {
    if (NO_FIELD_TEXT.test(line)) throw new Refusal('a control character in a field');
    const [, name = '', value = ''] = match(FIELD, line, 'field line');
    lines.push([name, value]);
  }
  return lines;
}

type Frame =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'length'; bytes: number }>
  | Readonly<{ kind: 'chunked' }>;

/** RFC 9112 sections 3.2 and 6.3. */
function readFraming(version: '1.0' | '1.1', lines: readonly Line[]): Frame {
  const hosts = valuesOf(lines, 'host');
  if (hosts.length > 1 || (hosts.length === 0 && version === '1.1')) throw new Refusal('not one Host');
  const lengths = valuesOf(lines, 'content-length');
  const codings = valuesOf(lines, 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Refusal('more than one length');
  const [length] = lengths;
  const [coding] = codings;
  if (length !== undefined) return { kind: 'length', bytes: Number(match(LENGTH, length, 'length')[0]) };
  if (coding === undefined) return { kind: 'none' };
  if (coding.toLowerCase() !== 'chunked') throw new Refusal('another coding than chunked');
  if (version === '1.0') throw new Refusal('a coding in HTTP/1.0');
  return { kind: 'chunked' };
}

function readBody(reader: Reader, frame: Frame): Pick<Message, 'body' | 'trailers'> {
  if (frame.kind === 'none') return { body: Buffer.alloc(0), trailers: [] };
  if (frame.kind === 'length') return { body: reader.take(frame.bytes), trailers: [] };
  const pieces: Buffer[] = [];
  for (;;) {
    const line = reader.line();
    if (NO_FIELD_TEXT.test(line)) throw new Refusal('a control character in a chunk line');
    const size = Number.parseInt(match(CHUNK_LINE, line, 'chunk size')[1] ?? '', 16);
    if (size === 0) return { body: Buffer.concat(pieces), trailers: readFields(reader) };
    pieces.push(reader.take(size));
    // Refused as soon as the first byte shows it, not only once there are two.
    if (reader.take(1)[0] !== 0x0d || reader.take(1)[0] !== 0x0a)
      throw new Refusal('no line end behind a chunk');
  }
}

/** RFC 6455 section 4.2.1. */
function isWebSocket(method: string, version: string, lines: readonly Line[], frame: Frame): boolean {
  const [key, ...otherKeys] = valuesOf(lines, 'sec-websocket-key');
  return (
    method === 'GET' &&
    version === '1.1' &&
    frame.kind !== 'chunked' &&
    (frame.kind === 'none' || frame.bytes === 0) &&
    listOf(lines, 'connection').includes('upgrade') &&
    valuesOf(lines, 'upgrade').join().toLowerCase() === 'websocket' &&
    valuesOf(lines, 'sec-websocket-version').join() === '13' &&
    otherKeys.length === 0 &&
    WEBSOCKET_KEY.test(key ?? '')
  );
}

function listOf(lines: readonly Line[], lower: string): readonly string[] {
  return valuesOf(lines, lower)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase());
}
