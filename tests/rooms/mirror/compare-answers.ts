import {
  type CompareBounds,
  compareExchanges,
  type FoundDifference,
  printFound,
} from '../../../src/mirror/compare/index.ts';
import {
  DEFAULT_MIRROR_RULES,
  type MirrorRules,
  type RowChange,
  type SideAnswer,
} from '../../../src/vocabulary/index.ts';

export const ASKED_MS = Date.parse('2026-03-01T12:00:00.000Z');
/** How much later the new side is asked, where tests do not say. */
export const LATER_MS = 4_000;

type Body = string | Uint8Array | object | null | number | boolean;
export type AnswerWish = Readonly<{
  status?: number;
  headers?: readonly string[];
  type?: string | undefined;
  body?: Body;
  askedMs?: number;
  tookMs?: number;
}>;

/** A JSON answer unless it says otherwise: texts and bytes go as they are, anything else as JSON. */
export function answer(wish: AnswerWish = {}): SideAnswer {
  const { status = 200, headers = [], body = '', askedMs = ASKED_MS, tookMs = 20 } = wish;
  const type = 'type' in wish ? wish.type : 'application/json';
  const bytes =
    body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    status,
    headers: [...(type === undefined ? [] : ['Content-Type', type]), ...headers],
    body: { kind: 'whole', bytes },
    askedMs,
    answeredMs: askedMs + tookMs,
  };
}

export type PairWish = Readonly<{
  rules?: Partial<MirrorRules>;
  method?: 'safe' | 'unsafe';
  rows?: Readonly<{ legacy: readonly RowChange[]; new: readonly RowChange[] }>;
  host?: string;
  bounds?: Partial<CompareBounds>;
}>;

export function compareAnswers(legacy: SideAnswer, fresh: SideAnswer, wish: PairWish = {}) {
  const { method = 'safe', rows, host, bounds } = wish;
  const rules = { ...DEFAULT_MIRROR_RULES, ...wish.rules };
  return compareExchanges({ legacy, new: fresh, rows, method, rules, host, bounds });
}

/** `kind path`, once for each difference; `['same']`, or `['not_compared: reason']`. */
export function tell(compared: ReturnType<typeof compareExchanges>): string[] {
  if (compared.kind === 'same') return ['same'];
  if (compared.kind === 'not_compared') return [`not_compared: ${compared.reason}`];
  return compared.differences.map(({ kind, path }) => `${kind} ${path}`);
}

/** With both values: `value /a: 1 → 2`. */
export function tellValues(compared: ReturnType<typeof compareExchanges>): string[] {
  if (compared.kind !== 'different') return tell(compared);
  return compared.differences.map(
    (one) => `${one.kind} ${one.path}: ${printFound(one.legacy)} → ${printFound(one.new)}`,
  );
}

export function findDifferences(compared: ReturnType<typeof compareExchanges>): readonly FoundDifference[] {
  return compared.kind === 'different' ? compared.differences : [];
}

export const compareJson = (legacy: Body, fresh: Body, wish: PairWish = {}) =>
  compareAnswers(answer({ body: legacy }), answer({ body: fresh, askedMs: ASKED_MS + LATER_MS }), wish);

export const tellJson = (legacy: Body, fresh: Body, wish: PairWish = {}) =>
  tell(compareJson(legacy, fresh, wish));

/** The same numbers each time: a small generator (mulberry32). */
export function seedRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
