import { createHash } from 'node:crypto';
import type { Captured, SideAnswer } from '../../vocabulary/index.ts';
import type { CompareBounds } from './bounds.ts';
import { decodeBody } from './content-coding.ts';
import { readEvents } from './event-stream.ts';
import { findHeader, findLines } from './header-list.ts';
import { compareHtml } from './html.ts';
import { compareNodes } from './json-compare.ts';
import { type BytesLeaf, type JsonNode, stringNode } from './json-node.ts';
import { readJsonBytes } from './json-parser.ts';
import { type BodyKind, chooseKind, readMediaType } from './media-type.ts';
import { BODY } from './path.ts';
import { isIgnored, type RulesHere, stepRules } from './rule-tree.ts';
import { decodeUtf8 } from './utf8.ts';
import { note, type Walk } from './walk.ts';

export type BodyReason = 'body_too_large' | 'answer_broken' | 'too_complex';
type Compared = 'compared' | BodyReason;
/** A body without its content coding, and how it is to be compared; `opaque` where the coding could not be undone. */
export type PlainBody = Readonly<{ kind: BodyKind | 'opaque'; bytes: Uint8Array }>;

/** Tells how the bodies differ, or why they could not be compared. */
export function compareBodies(
  walk: Walk,
  rules: RulesHere,
  legacy: SideAnswer,
  fresh: SideAnswer,
  bounds: CompareBounds,
): Compared {
  const bodyRules = stepRules(rules, BODY);
  if (isIgnored(bodyRules)) return 'compared';
  if (areAlike(legacy, fresh)) return 'compared';
  const [one, other] = [openBody(legacy, bounds), openBody(fresh, bounds)];
  if (one === 'answer_broken' || other === 'answer_broken') return 'answer_broken';
  if (typeof one === 'string' || typeof other === 'string') return 'body_too_large';
  walk.steps.push(BODY);
  const compared = comparePlain(walk, bodyRules, one, other, bounds);
  walk.steps.length = 0;
  return compared;
}

/** The usual case costs no more than a look at the bytes. */
function areAlike(legacy: SideAnswer, fresh: SideAnswer): boolean {
  if (legacy.body.kind !== 'whole' || fresh.body.kind !== 'whole') return false;
  const encodings = [legacy, fresh].map(({ headers }) => findEncoding(headers));
  return encodings[0] === encodings[1] && areSameBytes(legacy.body.bytes, fresh.body.bytes);
}

const findEncoding = (headers: readonly string[]) => findLines(headers, 'content-encoding').join(',');

function areSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}

/** The body without its content coding. */
export function openBody(
  { headers, body }: SideAnswer,
  bounds: CompareBounds,
): PlainBody | Exclude<BodyReason, 'too_complex'> {
  if (body.kind !== 'whole') return nameObstacle(body);
  const decoded = decodeBody(body.bytes, findEncoding(headers), bounds.decodedBytes);
  if (decoded.kind === 'larger') return 'body_too_large';
  const kind = chooseKind(readMediaType(findHeader(headers, 'content-type')));
  return { kind: decoded.kind === 'opaque' ? 'opaque' : kind, bytes: decoded.bytes };
}

const nameObstacle = ({ kind }: Exclude<Captured, { kind: 'whole' }>) =>
  kind === 'broken' ? 'answer_broken' : 'body_too_large';

function comparePlain(
  walk: Walk,
  rules: RulesHere,
  legacy: PlainBody,
  fresh: PlainBody,
  bounds: CompareBounds,
): Compared {
  const isReadAlike = (legacy.kind === 'opaque') === (fresh.kind === 'opaque');
  if (isReadAlike && areSameBytes(legacy.bytes, fresh.bytes)) return 'compared';
  if (legacy.kind === 'html' && fresh.kind === 'html' && legacy.bytes.length > 0 && fresh.bytes.length > 0) {
    const [one, other] = [decodeUtf8(legacy.bytes), decodeUtf8(fresh.bytes)];
    if (one !== undefined && other !== undefined) return compareHtml(walk, rules, one, other, bounds.nodes);
  }
  const [one, other] = [readBody(legacy, bounds), readBody(fresh, bounds)];
  if (one === 'too_complex' || other === 'too_complex') return 'too_complex';
  if (one && other) compareNodes(walk, rules, one, other);
  else note(walk, one ? 'missing' : 'extra', one, other);
  return 'compared';
}

/** What a body says: undefined where it is empty; text where it is not what its type says; bytes where it is no text. */
export function readBody(
  { kind, bytes }: PlainBody,
  bounds: CompareBounds,
): JsonNode | undefined | 'too_complex' {
  if (bytes.length === 0) return undefined;
  if (kind === 'bytes' || kind === 'opaque') return hashBytes(bytes);
  if (kind === 'json') {
    const read = readJsonBytes(bytes, bounds);
    if (read.kind !== 'not_json') return read.kind === 'json' ? read.node : 'too_complex';
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) return hashBytes(bytes);
  if (kind !== 'events') return stringNode(text);
  const read = readEvents(text, bounds);
  return read.kind === 'json' ? read.node : 'too_complex';
}

const hashBytes = (bytes: Uint8Array): BytesLeaf => ({
  type: 'bytes',
  length: bytes.length,
  text: createHash('sha256').update(bytes).digest('hex'),
});
