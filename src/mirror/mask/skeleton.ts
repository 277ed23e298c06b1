import type { MirrorRules, SideAnswer, ValueShape } from '../../vocabulary/index.ts';
import {
  ANY,
  COOKIE_ATTRIBUTES,
  compileRules,
  DEFAULT_BOUNDS,
  isMap,
  type JsonNode,
  openBody,
  pickHeaders,
  printPath,
  type RulesHere,
  readBody,
  readCookies,
  type SetCookie,
  stringNode,
} from '../compare/index.ts';
import { showClear } from './clear-text.ts';
import { isSecretPlace } from './secret-names.ts';
import type { Shaper } from './shapes.ts';

/** At most so many bytes of UTF-8. */
export const LARGEST_SKELETON = 32 * 1024;
/** Stands for what did not fit, or was not kept, with how much that was. */
export const CUT = '‹cut›';

/**
 * An answer without its values: JSON text of {status, headers, cookies, body}, where each value is a ValueShape and the tree is as it was.
 * Keys that look like data are `‹key:hash›`; a ValueShape is told from a branch by its `type`, which is a text.
 */
export function writeSkeleton(answer: SideAnswer, rules: MirrorRules, shaper: Shaper, scope: string): string {
  const writer = new SkeletonWriter(shaper, compileRules(rules), scope);
  writer.add('{"status":');
  writer.addNode({ type: 'number', text: String(answer.status) }, ['status']);
  writer.add(',"headers":');
  const headers = [...pickHeaders(answer.headers, rules.headers)];
  writer.addBranch(
    headers,
    (name) => ['header:', name],
    (lines, steps) => writer.addNode(stringNode(lines.join(', ')), steps),
  );
  writer.add(',"cookies":');
  const cookies = [...readCookies(answer.headers)].map(([name, all]) => [name, all.at(-1)] as const);
  writer.addBranch(
    cookies,
    (name) => ['cookie:', name],
    (cookie, steps) => addCookie(writer, cookie, steps),
  );
  writer.add(',"body":');
  addBody(writer, answer);
  writer.add('}');
  return writer.text();
}

/** Attributes of odd names are left out. */
function addCookie(writer: SkeletonWriter, cookie: SetCookie | undefined, steps: readonly string[]): void {
  writer.add('{"value":');
  writer.addNode(stringNode(cookie?.value ?? ''), steps);
  for (const [name, text] of cookie?.attributes ?? []) {
    if (!COOKIE_ATTRIBUTES.has(name)) continue;
    writer.add(`,"${name}":`);
    writer.addNode(stringNode(text), [...steps, `;${name}`]);
  }
  writer.add('}');
}

function addBody(writer: SkeletonWriter, answer: SideAnswer): void {
  const body = openBody(answer, DEFAULT_BOUNDS);
  const node = typeof body === 'string' ? body : readBody(body, DEFAULT_BOUNDS);
  if (node === undefined) writer.add('{"type":"absent"}');
  else if (typeof node === 'string') writer.add(`{"${CUT}":{"type":"bytes"}}`);
  else writer.addNode(node, ['']);
}

/** What must be left to close everything that is open at a depth, and to say that something was cut there; a cookie is added whole. */
const reserve = (depth: number) => 1_536 + 96 * depth;

class SkeletonWriter {
  readonly #shaper: Shaper;
  readonly #rules: RulesHere;
  readonly #scope: string;
  readonly #parts: string[] = [];
  #left = LARGEST_SKELETON;
  #depth = 0;

  constructor(shaper: Shaper, rules: RulesHere, scope: string) {
    this.#shaper = shaper;
    this.#rules = rules;
    this.#scope = scope;
  }

  text(): string {
    return this.#parts.join('');
  }

  add(text: string): void {
    this.#parts.push(text);
    this.#left -= Buffer.byteLength(text);
  }

  addNode(node: JsonNode, steps: readonly string[]): void {
    if (isSecretPlace(steps)) return this.#addShape({ type: node.type });
    if (node.type === 'list')
      return this.#addItems('[', ']', node.items, (item) => this.addNode(item, [...steps, ANY]));
    if (node.type !== 'object') return this.#addLeaf(node, steps);
    const isData = isMap(node);
    const all = [...node.fields, ...node.again];
    this.addBranch(
      all,
      (key) => [...steps, isData ? ANY : key],
      (value, at) => this.addNode(value, at),
    );
  }

  /** An object: `place` gives the steps to a key's value. */
  addBranch<Value>(
    entries: readonly (readonly [key: string, value: Value])[],
    place: (key: string) => readonly string[],
    addValue: (value: Value, steps: readonly string[]) => void,
  ): void {
    let number = 0;
    this.#addItems('{', '}', entries, ([key, value]) => {
      number += 1;
      const steps = place(key);
      this.add(`${JSON.stringify(this.#nameKey(key, steps, number))}:`);
      addValue(value, steps);
    });
  }

  #addItems<Item>(open: string, close: string, items: readonly Item[], addItem: (item: Item) => void): void {
    this.add(open);
    this.#depth += 1;
    for (const [i, item] of items.entries()) {
      if (i > 0) this.add(',');
      if (this.#left < reserve(this.#depth)) {
        const cut = `"${CUT}":{"type":"${open === '[' ? 'list' : 'object'}","length":${items.length - i}}`;
        this.add(open === '[' ? `{${cut}}` : cut);
        break;
      }
      addItem(item);
    }
    this.#depth -= 1;
    this.add(close);
  }

  /** Short keys could be guessed from their hashes, and are numbered. */
  #nameKey(key: string, steps: readonly string[], number: number): string {
    const path = printPath(steps);
    if (!path.endsWith(ANY)) return key;
    return `‹key:${key.length < 4 ? number : this.#shaper.hashKey(key, { scope: this.#scope, path })}›`;
  }

  #addLeaf(node: JsonNode, steps: readonly string[]): void {
    const shape = this.#shaper.shape(node, { scope: this.#scope, path: printPath(steps) });
    const clear = showClear(node, steps, this.#rules);
    const whole = clear === undefined ? shape : { ...shape, clear };
    // Clear text has half of the room: the tree comes first.
    const fits = Buffer.byteLength(JSON.stringify(whole)) < this.#left - LARGEST_SKELETON / 2;
    this.#addShape(fits ? whole : shape);
  }

  #addShape(shape: ValueShape): void {
    this.add(JSON.stringify(shape));
  }
}
