// A JSON value that has lost nothing: numbers are text, keys are data and nothing else, a key that came twice is there twice.

export type JsonLeaf = Readonly<{ type: 'null' | 'boolean' | 'number' | 'string'; text: string }>;
export type JsonList = Readonly<{ type: 'list'; items: readonly JsonNode[] }>;
export type JsonObject = Readonly<{
  type: 'object';
  /** The first value of each key. */
  fields: ReadonlyMap<string, JsonNode>;
  /** What came under a key that was there already. */
  again: readonly (readonly [key: string, value: JsonNode])[];
}>;
/** Bytes by their length and SHA-256: a body that is no text, or a bytea column. */
export type BytesLeaf = Readonly<{ type: 'bytes'; length: number; text: string }>;
export type JsonNode = JsonLeaf | JsonList | JsonObject | BytesLeaf;

const NOTHING_AGAIN: JsonObject['again'] = Object.freeze([]);

export const stringNode = (text: string): JsonLeaf => ({ type: 'string', text });
export const listNode = (items: readonly JsonNode[]): JsonList => ({ type: 'list', items });
export const objectNode = (
  fields: ReadonlyMap<string, JsonNode>,
  again: JsonObject['again'] = NOTHING_AGAIN,
): JsonObject => ({ type: 'object', fields, again });

/** More keys than this are a map of data, not a record: its keys are one place. */
const LARGEST_RECORD = 64;
export const isMap = ({ fields }: JsonObject) => fields.size > LARGEST_RECORD;

/** JSON text without spaces, keys in their order by code unit: equal values have equal texts. */
export function printNode(node: JsonNode): string {
  switch (node.type) {
    case 'string':
      return JSON.stringify(node.text);
    case 'bytes':
      return `{"bytes":${node.length},"sha256":"${node.text}"}`;
    case 'list':
      return `[${node.items.map(printNode).join(',')}]`;
    case 'object':
      return printObject(node);
    default:
      return node.text;
  }
}

function printObject({ fields, again }: JsonObject): string {
  const all = again.length === 0 ? [...fields] : [...fields, ...again];
  // The sort is stable: doubled keys stay in the order in which they came.
  all.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  return `{${all.map(([key, value]) => `${JSON.stringify(key)}:${printNode(value)}`).join(',')}}`;
}

/** Items of a list or an object; code points of a string; characters of a number; bytes. */
export function measureNode(node: JsonNode): number | undefined {
  switch (node.type) {
    case 'list':
      return node.items.length;
    case 'object':
      return node.fields.size + node.again.length;
    case 'bytes':
      return node.length;
    case 'string':
      return countCodePoints(node.text);
    case 'number':
      return node.text.length;
    default:
      return undefined;
  }
}

function countCodePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) count -= 1;
  }
  return count;
}
