import { talk } from './client.ts';
import { findForgeries, type TagKey, tagIdOf } from './identity.ts';
import { type Evidence, type Finding, judge, requestIdOf } from './judge.ts';
import { openNodeView } from './node-view.ts';
import type { RecordingUpstream, Seen } from './recording-upstream.ts';
import { makeStream } from './streams.ts';
import { readConversation, valuesOf } from './strict-parser.ts';

/** What the front door says of one request that it passed on. */
export type Said = Readonly<{ requestId: string; outcome: 'answered' | 'other' }>;

export type Target = Readonly<{
  port: number;
  upstream: RecordingUpstream;
  keys: readonly TagKey[];
  /** Everything that it has passed on so far. */
  said(): readonly Said[];
  /** What it says of its own bugs. */
  bugs(): readonly string[];
}>;

export type FuzzWish = Readonly<{
  seed: number;
  /** How many spoiled requests. */
  requests: number;
  /** The first stream, to repeat one that was found. */
  first?: number;
  /** Stops after so many findings; 10 without it. */
  most?: number;
  /** How long it may take until what was said and what was seen agree, in ms; 3,000 without it. */
  settlingMs?: number;
}>;

export type Fuzzed = Readonly<{
  findings: readonly Finding[];
  streams: number;
  spoiled: number;
  /** How many requests reached the upstream, and how many answers the clients got by their class. */
  forwarded: number;
  answers: Readonly<Record<string, number>>;
}>;

const AT_ONCE = 24;
const BATCH = 240;

/** Sends spoiled requests until there are enough of them, or too many findings. */
export async function fuzz(target: Target, wish: FuzzWish): Promise<Fuzzed> {
  const { seed, requests, first = 0, most = 10, settlingMs = 3_000 } = wish;
  const node = await openNodeView();
  const book = openBook(target);
  const findings: Finding[] = [];
  const answers: Record<string, number> = {};
  let number = first;
  let spoiled = 0;
  try {
    while (spoiled < requests && findings.length < most) {
      const evidence: Evidence[] = [];
      const end = number + BATCH;
      const work = async () => {
        while (number < end && spoiled < requests) {
          const stream = makeStream(seed, number++);
          spoiled += stream.spoiled;
          const strict = readConversation(stream.bytes);
          const [read, talked] = await Promise.all([
            node.read(stream.bytes),
            talk(target.port, addressOf(stream.number), stream, strict),
          ]);
          evidence.push({ stream, strict, node: read, talk: talked, seen: [] });
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      findings.push(...(await book.settle(settlingMs)));
      for (const one of evidence) {
        const seen = book.take(addressOf(one.stream.number));
        findings.push(...judge({ ...one, seen }, target.keys));
        for (const { status } of one.talk.answers.finals) count(answers, `${Math.floor(status / 100)}xx`);
      }
      findings.push(...book.leftovers(), ...(await checkAlive(target)));
    }
  } finally {
    await node.close();
  }
  return { findings, streams: number - first, spoiled, forwarded: target.upstream.seen.length, answers };
}

const count = (counts: Record<string, number>, key: string) => {
  counts[key] = (counts[key] ?? 0) + 1;
};

/** Each stream comes from an address of its own; all of 127.0.0.0/8 is this machine. */
function addressOf(number: number): string {
  return `127.${10 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
}

/** Keeps what the upstream has seen, by the connection that it came from. */
function openBook({ upstream, said, keys }: Target) {
  const byAddress = new Map<string, Seen[]>();
  const tagIds = new Set<string>();
  let read = upstream.seen.length;
  let refused = upstream.refused.length;
  const firstSaid = said().length;
  const firstSeen = read;
  const collect = () => {
    const twice: Finding[] = [];
    for (; read < upstream.seen.length; read += 1) {
      const seen = upstream.seen[read] as Seen;
      const address = valuesOf(seen.lines, 'x-forwarded-for').join();
      byAddress.set(address, [...(byAddress.get(address) ?? []), seen]);
      const id = tagIdOf(seen);
      if (id === undefined) continue;
      if (tagIds.has(id)) twice.push({ kind: 'forged', detail: `the tag ${id} came twice` });
      tagIds.add(id);
    }
    return twice;
  };
  return {
    /** Waits until what was said and what was seen agree, or says where they do not. */
    async settle(patienceMs: number): Promise<readonly Finding[]> {
      const beganMs = performance.now();
      const twice: Finding[] = [];
      for (;;) {
        twice.push(...collect());
        const parted = compareCounts(upstream.seen.slice(firstSeen), said().slice(firstSaid));
        if (parted.length === 0 || performance.now() - beganMs > patienceMs) return [...twice, ...parted];
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    take(address: string): readonly Seen[] {
      const seen = byAddress.get(address) ?? [];
      byAddress.delete(address);
      return seen;
    },
    /** What came from nowhere, and what the upstream could not read. */
    leftovers(): readonly Finding[] {
      byAddress.delete(OWN_ADDRESS);
      const strays = [...byAddress.values()].flat();
      const nobodys = strays.flatMap((seen) => [
        { kind: 'desync' as const, detail: `${seen.method} ${seen.target} came from nobody` },
        ...findForgeries(seen, keys).map((detail) => ({ kind: 'forged' as const, detail })),
      ]);
      byAddress.clear();
      const broken = upstream.refused.slice(refused).map((why) => ({
        kind: 'desync' as const,
        detail: `the upstream could not read what it got: ${why}`,
      }));
      refused = upstream.refused.length;
      return [...nobodys, ...broken];
    },
  };
}

/** Where the good requests between the batches come from. */
const OWN_ADDRESS = '127.0.0.1';

/** Each answered request was seen once; and nothing was seen that was not said to have been passed on. */
function compareCounts(seen: readonly Seen[], said: readonly Said[]): readonly Finding[] {
  const counts = new Map<string, { seen: number; answered: number; other: number }>();
  const of = (id: string) => {
    const known = counts.get(id) ?? { seen: 0, answered: 0, other: 0 };
    counts.set(id, known);
    return known;
  };
  for (const each of seen) of(requestIdOf(each)).seen += 1;
  for (const { requestId, outcome } of said) of(requestId)[outcome] += 1;
  return [...counts].flatMap(([id, each]) => {
    const agrees = each.answered <= each.seen && each.seen <= each.answered + each.other;
    const detail = `request ${id}: seen ${each.seen} times, said to be answered ${each.answered} times and broken off ${each.other} times`;
    return agrees ? [] : [{ kind: 'desync' as const, detail }];
  });
}

async function checkAlive({ port, upstream, bugs }: Target): Promise<readonly Finding[]> {
  const before = upstream.seen.length;
  const answer = await fetch(`http://127.0.0.1:${port}/alive/`, { signal: AbortSignal.timeout(5_000) }).catch(
    (error) => ({ status: 0, error }),
  );
  const isWell = answer.status === 200 && upstream.seen.length === before + 1;
  const own = upstream.seen.at(-1);
  return [
    ...bugs().map((bug) => ({ kind: 'crash' as const, detail: bug })),
    ...(isWell
      ? []
      : [{ kind: 'crash' as const, detail: `a good request got ${answer.status} (${own?.target})` }]),
  ];
}
