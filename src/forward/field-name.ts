// Names of header fields, judged once a spelling: both sides use few, and to write one in lower case costs more than to look it up.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Everything that a field's value may not hold, and that would end it too early (RFC 9110 section 5.5). */
export const NOT_IN_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

// Connection-level headers end here (RFC 9110 section 7.6.1); each connection gets its own.
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
// The gateway speaks these itself; the tag is never shown to a client.
const OURS = new Set(['x-request-id', 'x-served-by', 'x-identity-tag']);
// In a question these are written for the connection, and by nobody else.
const ONLY_OURS = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'expect']);
// In these the answers of one service differ where nothing else does.
const BLANKS = new Set(['content-length', 'date', 'etag', 'last-modified']);
const FRAMING = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding']);

export type FieldName = Readonly<{
  /** As it was written, in memory of its own. */
  text: string;
  /** What stands before its value in a head, the end of the last line with it: half of what it takes to put that together each time. */
  before: string;
  /** In lower case. */
  key: string;
  /** False: not what RFC 9110 section 5.1 calls a name. */
  isName: boolean;
  /** No client sees it. */
  endsHere: boolean;
  /** Says how the message or its connection ends. */
  frames: boolean;
  /** Its value differs from answer to answer. */
  isBlank: boolean;
  /** No line of a question that was handed to us. */
  onlyOurs: boolean;
}>;

const MOST_KNOWN = 1_000;

/** A judge with a memory of its own: what clients write must not push out what legacy writes. */
function openMemory(): (name: string) => FieldName {
  const known = new Map<string, FieldName>();
  return (name) => {
    const judged = known.get(name);
    if (judged !== undefined) return judged;
    if (!TOKEN.test(name)) return NO_NAME;
    // A name cut out of a head would keep all of that head in memory.
    const own = Buffer.from(name, 'latin1').toString('latin1');
    const fresh = judge(own);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(own, fresh);
    return fresh;
  };
}

const NO_NAME: FieldName = Object.freeze({
  text: '',
  before: '',
  key: '',
  isName: false,
  endsHere: true,
  frames: false,
  isBlank: false,
  onlyOurs: true,
});

function judge(name: string): FieldName {
  const key = name.toLowerCase();
  return Object.freeze({
    text: name,
    before: Buffer.from(`\r\n${name}: `, 'latin1').toString('latin1'),
    key,
    isName: true,
    endsHere: HOP_BY_HOP.has(key) || OURS.has(key),
    frames: FRAMING.has(key),
    isBlank: BLANKS.has(key),
    onlyOurs: ONLY_OURS.has(key),
  });
}

/** For the lines of an answer. */
export const judgeName = openMemory();
/** For the lines of a question. */
export const judgeAskedName = openMemory();
