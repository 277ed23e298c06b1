import type {
  Difference,
  DifferenceKind,
  DiffLedger,
  KeptSample,
  LedgerEntry,
  NewSample,
  NotComparedReason,
  Replayed,
  Replays,
  RequestId,
  RouteId,
  TenantName,
  ValueShape,
} from '../../../src/vocabulary/index.ts';

// What mirror would have written into the ledger, made by hand.

export const route = (id: string) => id as RouteId;
export const text = (length: number, hash = 'a1a1a1a1a1a1a1a1'): ValueShape => ({
  type: 'string',
  length,
  hash,
});
export const number = (length: number, hash = 'b2b2b2b2b2b2b2b2'): ValueShape => ({
  type: 'number',
  length,
  hash,
});
export const NULL: ValueShape = { type: 'null' };
export const ABSENT: ValueShape = { type: 'absent' };

export function differ(
  path: string,
  kind: DifferenceKind = 'value',
  legacy: ValueShape = text(5),
  fresh: ValueShape = text(5, 'c3c3c3c3c3c3c3c3'),
): Difference {
  return { path, kind, legacy, new: fresh };
}

const answer = (body: unknown) =>
  JSON.stringify({
    status: { type: 'number', length: 3, clear: '200' },
    headers: { 'content-type': text(16), vary: text(14) },
    cookies: {},
    body,
  });

/** A page of channels: the second's topic is null on the new side. */
export const SKELETONS = {
  legacy: answer({
    count: number(1),
    results: [
      { id: number(1), name: text(7), topic: text(12) },
      { id: number(1), name: text(6), topic: text(9, 'd4d4d4d4d4d4d4d4') },
    ],
  }),
  new: answer({
    count: number(1),
    results: [
      { id: number(1), name: text(7), topic: text(12) },
      { id: number(1), name: text(6), topic: NULL },
    ],
  }),
};

let requests = 0;

export function makeSample(differences: readonly Difference[], more: Partial<NewSample> = {}): NewSample {
  requests += 1;
  return {
    requestId: `request-${requests}` as RequestId,
    tenant: 'acme' as TenantName,
    method: 'GET',
    path: '/api/chat/channels/',
    statuses: { legacy: 200, new: 200 },
    skeletons: SKELETONS,
    differences,
    effects: [],
    sealed: undefined,
    replay: 'possible',
    ...more,
  };
}

type Different = Readonly<{
  differences?: readonly Difference[];
  noisy?: readonly string[];
  sample?: Partial<NewSample>;
  atMs?: number;
}>;

export const NULL_TOPIC = differ('/results/*/topic', 'type', text(9, 'd4d4d4d4d4d4d4d4'), NULL);

export function different(id: string, wish: Different = {}): LedgerEntry {
  const { differences = [NULL_TOPIC], noisy = [], atMs = Date.now() } = wish;
  const sample = makeSample(differences, wish.sample);
  return { atMs, route: route(id), verdict: 'different', differences, noisy, sample };
}

export function same(id: string, count: number, atMs = Date.now()): readonly LedgerEntry[] {
  return Array.from({ length: count }, () => ({ atMs, route: route(id), verdict: 'same' }));
}

export function notCompared(id: string, reason: NotComparedReason, count = 1): readonly LedgerEntry[] {
  const atMs = Date.now();
  return Array.from({ length: count }, () => ({ atMs, route: route(id), verdict: 'not_compared', reason }));
}

/** The id of the one group of this route at this path. */
export async function groupAt(ledger: DiffLedger, id: string, path: string) {
  const groups = await ledger.listGroups({ sinceMs: 0, route: route(id) });
  const found = groups.find((group) => group.path === path);
  if (!found) throw new Error(`no group of ${id} at ${path}`);
  return found;
}

export type FakeReplays = Replays & {
  asked: KeptSample[];
  /** What becomes of a sample; by default both sides agree. */
  answer: (sample: KeptSample) => Replayed;
  values: readonly Readonly<{ path: string; legacy: string; new: string }>[] | undefined;
};

/** Mirror's part of it, as the admin door sees it. */
export function fakeReplays(): FakeReplays {
  const fake: FakeReplays = {
    asked: [],
    answer: ({ id, route: of }) => ({ sample: id, route: of, verdict: 'same' }),
    values: undefined,
    replay: async (samples) => {
      fake.asked.push(...samples);
      return samples.map((sample) => fake.answer(sample));
    },
    reveal: async () => fake.values,
  };
  return fake;
}
