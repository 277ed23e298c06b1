import type { RowChange } from '../../vocabulary/index.ts';
import type { CompareBounds } from './bounds.ts';
import { compareNodes, compareOptional } from './json-compare.ts';
import { type JsonNode, objectNode, stringNode } from './json-node.ts';
import { readJson } from './json-parser.ts';
import { pairByLikeness } from './likeness.ts';
import { ROWS } from './path.ts';
import { foldRows, type NetChange } from './row-net.ts';
import { isIgnored, type RulesHere, stepRules } from './rule-tree.ts';
import { note, type Walk } from './walk.ts';

type Sides<Value> = Readonly<{ legacy: Value; new: Value }>;
type Row = Readonly<{ key: string; change: RowChange['change']; node: JsonNode }>;

/** Tells how the rows differ that the two sides have written in the end. */
export function compareRows(
  walk: Walk,
  rules: RulesHere,
  rows: Sides<readonly RowChange[]>,
  bounds: CompareBounds,
): 'compared' | 'too_complex' {
  const rowRules = stepRules(rules, ROWS);
  if (isIgnored(rowRules)) return 'compared';
  const [legacy, fresh] = [groupByTable(rows.legacy), groupByTable(rows.new)];
  for (const table of [...new Set([...legacy.keys(), ...fresh.keys()])].sort()) {
    const own = stepRules(rowRules, table);
    if (isIgnored(own)) continue;
    const [ours, theirs] = [readRows(legacy.get(table), bounds), readRows(fresh.get(table), bounds)];
    if (!ours || !theirs) return 'too_complex';
    walk.steps.push(ROWS, table);
    compareTable(walk, own, ours, theirs);
    walk.steps.length = 0;
  }
  return 'compared';
}

function groupByTable(changes: readonly RowChange[]): ReadonlyMap<string, readonly NetChange[]> {
  return Map.groupBy(foldRows(changes), ({ table }) => table);
}

function readRows(
  changes: readonly NetChange[] | undefined,
  bounds: CompareBounds,
): readonly Row[] | undefined {
  const rows: Row[] = [];
  for (const { key, change, row } of changes ?? []) {
    const read = readJson(row, bounds);
    if (read.kind === 'too_complex') return undefined;
    rows.push({ key, change, node: read.kind === 'json' ? foldBytes(read.node) : stringNode(row) });
  }
  return rows;
}

const SHA256 = /^[0-9a-f]{64}$/;

/** A bytea column comes as its length and its hash: one value. */
function foldBytes(node: JsonNode): JsonNode {
  if (node.type !== 'object') return node;
  return objectNode(
    new Map([...node.fields].map(([column, value]) => [column, foldColumn(value)])),
    node.again,
  );
}

function foldColumn(value: JsonNode): JsonNode {
  if (value.type !== 'object' || value.fields.size !== 2) return value;
  const [length, sha256] = [value.fields.get('bytes'), value.fields.get('sha256')];
  if (length?.type !== 'number' || sha256?.type !== 'string' || !SHA256.test(sha256.text)) return value;
  return { type: 'bytes', length: Number(length.text), text: sha256.text };
}

function compareTable(walk: Walk, rules: RulesHere, legacy: readonly Row[], fresh: readonly Row[]): void {
  const theirs = new Map(fresh.map((row) => [row.key, row]));
  const ours = new Set(legacy.map(({ key }) => key));
  for (const row of legacy) {
    const other = theirs.get(row.key);
    if (other) compareRow(walk, rules, row, other);
  }
  const leftHere = legacy.filter(({ key }) => !theirs.has(key));
  const leftThere = fresh.filter(({ key }) => !ours.has(key));
  for (const change of ['insert', 'update', 'delete'] as const) {
    const only = (rows: readonly Row[]) => rows.filter((row) => row.change === change);
    comparePaired(walk, rules, only(leftHere), only(leftThere));
  }
}

/** Rows under other keys than on the other side: those that are most alike are taken for each other, so that the key is what differs. */
function comparePaired(walk: Walk, rules: RulesHere, legacy: readonly Row[], fresh: readonly Row[]): void {
  const isCounted = (column: string) => !isIgnored(stepRules(rules, column));
  const nodes = [legacy.map(({ node }) => node), fresh.map(({ node }) => node)] as const;
  const { pairs, missing, extra } = pairByLikeness(...nodes, 0, { isCounted, budget: walk.budget });
  for (const [i, j] of pairs) compareRow(walk, rules, legacy[i] as Row, fresh[j] as Row);
  for (const i of missing) compareOptional(walk, rules, legacy[i]?.node, undefined);
  for (const j of extra) compareOptional(walk, rules, undefined, fresh[j]?.node);
}

function compareRow(walk: Walk, rules: RulesHere, legacy: Row, fresh: Row): void {
  if (legacy.change !== fresh.change)
    return note(walk, 'value', stringNode(legacy.change), stringNode(fresh.change));
  // What was deleted is known by its key; how it looked before was no doing of this request.
  if (legacy.change === 'delete' && legacy.key === fresh.key) return;
  compareNodes(walk, rules, legacy.node, fresh.node);
}
