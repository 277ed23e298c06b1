// Bodies that take many reads and writes: 100 KB of JSON, 1 MB down, 1 MB up.
import { fillPath } from './banyan/index.ts';
import { interleave } from './interleave.ts';
import type { Crowd, Load, Target } from './load/index.ts';
import {
  askDirectly,
  askThrough,
  failedRow,
  noteTrouble,
  perCpuS,
  perSecond,
  ratioRow,
  tellLoad,
  tellRow,
} from './measure.ts';
import type { Bound, Part, Rig, Row } from './part.ts';
import type { PeerName } from './peers/index.ts';
import { onStand, type Stand } from './stand.ts';
import { BODY_BYTES, PLACES, UP_ANSWER } from './upstream/index.ts';

type Body = Readonly<{ name: string; callers: number; target: Target }>;

const OK = 200;
const PATH_NUMBER = 1;
const target = (place: string) => fillPath(`${place}:id/`, PATH_NUMBER);

/** Fewer callers where bodies are larger, so that what is under way stays the same few megabytes for everybody. */
const BODIES: readonly Body[] = [
  {
    name: '100 KB of JSON',
    callers: 64,
    target: {
      method: 'GET',
      path: target(PLACES.large),
      expect: { status: OK, bodyBytes: BODY_BYTES.large },
    },
  },
  {
    name: '1 MB down',
    callers: 16,
    target: { method: 'GET', path: target(PLACES.down), expect: { status: OK, bodyBytes: BODY_BYTES.huge } },
  },
  {
    name: '1 MB up',
    callers: 16,
    target: {
      method: 'POST',
      path: target(PLACES.up),
      bodyBytes: BODY_BYTES.huge,
      expect: { status: OK, bodyBytes: UP_ANSWER.length },
    },
  },
];

const PEERS: readonly PeerName[] = [
  'bare undici',
  'nginx',
  'HAProxy',
  'Caddy',
  'express 5 + http-proxy-middleware 4',
];
const AGAINST = 'bare undici';
const BOUND: Bound = { kind: 'at_least', least: 0.9, aim: 1.4 };
const TIMES = { warmMs: 200, ms: 1_000 } as const;
const MOST_ROUNDS = 9;
const FIRST = { warmMs: 1_500, ms: 200 } as const;

export const bodies: Part = {
  name: 'bodies',
  title: 'Bodies: requests per CPU-second',
  run: (rig) => {
    const peers = rig.mode === 'full' ? PEERS : PEERS.filter((name) => name === AGAINST);
    const callers = Math.max(...BODIES.map((body) => body.callers));
    return onStand(rig, { peers, callers, upstream: 'raw' }, async (stand) => {
      const rows: Row[] = [];
      for (const body of BODIES) rows.push(...(await compare(rig, stand, body)));
      return rows;
    });
  },
};

async function compare(rig: Rig, stand: Stand, { name, callers, target }: Body): Promise<readonly Row[]> {
  const crowd: Crowd = { keys: stand.premises.keys.slice(0, callers), targets: [target] };
  await stand.load.meet(name, crowd);
  const asking = { crowd: name, pace: { kind: 'closed' } } as const;
  await askDirectly(stand, { ...asking, ...FIRST });
  const direct = [await askDirectly(stand, { ...asking, ...TIMES })];
  for (const contestant of stand.contestants) await askThrough(stand, contestant, { ...asking, ...FIRST });
  const seen = await interleave(stand.contestants, Math.min(rig.rounds, MOST_ROUNDS), async (contestant) => {
    const load = await askThrough(stand, contestant, { ...asking, ...TIMES });
    contestant.tidy();
    rig.say(tellLoad(`${name}, ${contestant.name}`, load));
    return load;
  });
  const loadsOf = (wanted: string): readonly Load[] =>
    [...seen].find(([contestant]) => contestant.name === wanted)?.[1] ?? [];
  const ours = loadsOf('Banyan');
  return [
    ratioRow(`${name} ÷ ${AGAINST}`, ours, loadsOf(AGAINST), perCpuS, BOUND),
    failedRow(`failed requests, Banyan, ${name}`, ours),
    ...[...seen].map(([one, loads]) =>
      tellRow(`${name}, ${one.name}`, 'req/CPU-s', loads, perCpuS, noteTrouble(loads)),
    ),
    tellRow(`${name}, without any proxy`, 'req/s', direct, perSecond),
  ];
}
