/** One final answer as a client reads it. */
export type Answer = Readonly<{
  status: number;
  /** Names in lower case; of several lines the last. */
  fields: ReadonlyMap<string, string>;
  body: string;
  /** False where the connection ended first. */
  isWhole: boolean;
}>;

export type Answers = Readonly<{ finals: readonly Answer[] /** What is no answer. */; rest: string }>;

const HEAD = /^HTTP\/1\.1 ([1-5][0-9]{2}) [^\r\n]*\r\n((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: ?[^\r\n]*\r\n)*)\r\n/;

/** Reads the answers that one connection has got so far. `methods` says what was asked, in order: HEAD has no body. */
export function readAnswers(text: string, methods: readonly string[]): Answers {
  const finals: Answer[] = [];
  let rest = text;
  while (rest !== '') {
    const found = HEAD.exec(rest);
    if (found === null) break;
    const status = Number(found[1]);
    rest = rest.slice(found[0].length);
    if (status < 200) continue;
    const fields = readFields(found[2] ?? '');
    const method = fields.get('x-echo-method') ?? methods[finals.length] ?? 'GET';
    const { body, left, isWhole } = readBody(
      rest,
      fields,
      hasNoBody(status, method) && !isBlind(fields, rest),
    );
    finals.push({ status, fields, body, isWhole });
    rest = left;
    if (!isWhole) break;
  }
  return { finals, rest };
}

const hasNoBody = (status: number, method: string) => method === 'HEAD' || status === 204 || status === 304;

/** Whoever could not read a request cannot know that it was a HEAD. */
const isBlind = (fields: ReadonlyMap<string, string>, rest: string) =>
  fields.get('connection') === 'close' &&
  !fields.has('x-request-id') &&
  rest.startsWith('{"type":"urn:banyan:');

function readFields(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split('\r\n')
      .filter((line) => line !== '')
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
  );
}

type Body = Readonly<{ body: string; left: string; isWhole: boolean }>;

function readBody(text: string, fields: ReadonlyMap<string, string>, isEmpty: boolean): Body {
  if (isEmpty) return { body: '', left: text, isWhole: true };
  if (fields.get('transfer-encoding') === 'chunked') return readChunks(text);
  const length = fields.get('content-length');
  // Without a length it ends with its connection.
  if (length === undefined) return { body: text, left: '', isWhole: true };
  const bytes = Number(length);
  return { body: text.slice(0, bytes), left: text.slice(bytes), isWhole: text.length >= bytes };
}

function readChunks(text: string): Body {
  let body = '';
  let left = text;
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/i.exec(left);
    const bytes = Number.parseInt(size?.[1] ?? '', 16);
    const from = size?.[0].length ?? 0;
    if (size === null || left.length < from + bytes + 2) return { body, left, isWhole: false };
    body += left.slice(from, from + bytes);
    left = left.slice(from + bytes + 2);
    if (bytes === 0) return { body, left, isWhole: true };
  }
}
