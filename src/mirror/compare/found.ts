import type { DifferenceKind } from '../../vocabulary/index.ts';
import { type JsonNode, measureNode, printNode } from './json-node.ts';
import { openPathPrinter } from './path.ts';

/** One side's value at a difference, raw: it holds what users sent. Only mask may make something of it that is kept. */
export type FoundValue =
  | Readonly<{ type: 'absent' }>
  | Readonly<{
      type: 'null' | 'boolean' | 'number' | 'string' | 'list' | 'object';
      /** JSON text, keys sorted; a header or a text body is a JSON string. */
      text: string;
      /** Code points, characters of a number, or items. */
      length: number | undefined;
    }>
  | Readonly<{ type: 'bytes'; length: number; sha256: string }>;

/** One typed disagreement with both values. */
export type FoundDifference = Readonly<{
  path: string;
  kind: DifferenceKind;
  legacy: FoundValue;
  new: FoundValue;
  /** How often it was found in this comparison: the values are those of the first time. */
  count: number;
}>;

/** Collects what a walk finds. */
export type Finder = {
  /** A probe only wants to know whether there is anything. */
  readonly purpose: 'tell' | 'probe';
  /** Nothing more will be taken. */
  isFull: boolean;
  note(
    steps: readonly string[],
    kind: DifferenceKind,
    legacy: JsonNode | undefined,
    fresh: JsonNode | undefined,
  ): void;
};

export function startProbe(): Finder {
  const probe: Finder = {
    purpose: 'probe',
    isFull: false,
    note: () => {
      probe.isFull = true;
    },
  };
  return probe;
}

export type Findings = Finder & Readonly<{ list(): readonly FoundDifference[] }>;

/** Differences in the order in which they were found; those at one path, of one kind and between the same types are one. */
export function startFindings(most: number): Findings {
  const found = new Map<string, { first: Omit<FoundDifference, 'count'>; count: number }>();
  const printPath = openPathPrinter();
  const findings: Findings = {
    purpose: 'tell',
    isFull: false,
    note(steps, kind, legacy, fresh) {
      const path = printPath(steps);
      const id = `${path}\n${kind}\n${legacy?.type}\n${fresh?.type}`;
      const known = found.get(id);
      if (known) known.count += 1;
      else if (!findings.isFull) {
        found.set(id, { first: { path, kind, legacy: takeValue(legacy), new: takeValue(fresh) }, count: 1 });
        findings.isFull = found.size >= most;
      }
    },
    list: () => [...found.values()].map(({ first, count }) => ({ ...first, count })),
  };
  return findings;
}

const ABSENT: FoundValue = Object.freeze({ type: 'absent' });

export function takeValue(node: JsonNode | undefined): FoundValue {
  if (node === undefined) return ABSENT;
  if (node.type === 'bytes') return { type: 'bytes', length: node.length, sha256: node.text };
  return { type: node.type, text: printNode(node), length: measureNode(node) };
}

/** A value for people: JSON text, `(absent)`, or what is known of bytes. */
export function printFound(value: FoundValue): string {
  if (value.type === 'absent') return '(absent)';
  if (value.type === 'bytes') return `(${value.length} bytes, SHA-256 ${value.sha256})`;
  return value.text;
}
