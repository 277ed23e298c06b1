import { openDie } from '../../legacy-stub/seed/random.ts';
import { CHANNELS, FILES, get, LOGIN, SUMMARY } from './asks.ts';
import { readSession, type Seen, type Shot } from './shot.ts';
import {
  type Known,
  type Make,
  readContent,
  readJob,
  readJobs,
  readMe,
  readMessages,
} from './traffic-reads.ts';
import {
  complete,
  makeLogin,
  makeLogout,
  makeUpload,
  postMessage,
  removeFile,
  streamCompletion,
} from './traffic-writes.ts';

/** Mixed traffic of several tenants over all routes: the same for the same seed and the same answers. */
export type Traffic = Readonly<{
  next(): Shot;
  /** What was answered: later requests open its files, follow its links and come with its sessions. */
  learn(shot: Shot, seen: Seen): void;
}>;

export type TrafficWish = Readonly<{ seed: string; tenants: readonly string[] }>;

const MOST_KNOWN = 40;

/** By weight: reads are about three times as many as writes, and one in eight of each goes wrong in some way. */
const MIX: readonly (readonly [weight: number, make: Make])[] = [
  [9, (tenant) => get(tenant, CHANNELS)],
  [16, readMessages],
  [10, readJobs],
  [8, readJob],
  [7, (tenant) => get(tenant, FILES)],
  [11, readContent],
  [8, readMe],
  [4, (tenant) => get(tenant, SUMMARY)],
  [11, postMessage],
  [5, complete],
  [3, streamCompletion],
  [3, makeLogin],
  [2, makeLogout],
  [4, makeUpload],
  [2, removeFile],
];

export function openTraffic({ seed, tenants }: TrafficWish): Traffic {
  const die = openDie(seed);
  const known = new Map<string, Known>(tenants.map((name) => [name, { files: [], links: [], sessions: [] }]));
  const knownOf = (tenant: string) => known.get(tenant) ?? { files: [], links: [], sessions: [] };
  const makers = MIX.flatMap(([weight, make]) => Array.from({ length: weight }, () => make));
  return {
    next: () => {
      const tenant = die.pick(tenants);
      return die.pick(makers)(tenant, knownOf(tenant), die);
    },
    learn: (shot, seen) => learn(knownOf(shot.tenant), shot, seen),
  };
}

function learn(known: Known, { method, target }: Shot, { status, headers, body }: Seen): void {
  if (target === LOGIN && status === 200) keep(known.sessions, readSession({ headers }));
  if (target === FILES && method === 'POST' && status === 201)
    keep(known.files, (JSON.parse(body.toString()) as { id: number }).id);
  const isPage = method === 'GET' && status === 200 && body.subarray(0, 8).equals(Buffer.from('{"next":'));
  if (!isPage) return;
  const { next, previous } = JSON.parse(body.toString()) as Record<'next' | 'previous', string | null>;
  for (const link of [next, previous]) if (link) keep(known.links, link.replace(/^https?:\/\/[^/]+/, ''));
}

function keep<T>(kept: T[], one: T): void {
  kept.push(one);
  if (kept.length > MOST_KNOWN) kept.shift();
}
