// What an open stream costs in memory: thousands of event streams, thousands of WebSockets, each heard once and then silent.
import { setTimeout as wait } from 'node:timers/promises';
import { fillPath } from './banyan/index.ts';
import { CALLERS, makeCallers } from './corridor/callers.ts';
import type { Held, StreamKind } from './load/index.ts';
import { readFileLimit } from './machine.ts';
import { askThrough } from './measure.ts';
import { readRssBytes } from './meter.ts';
import type { Bound, Part, Rig, Row } from './part.ts';
import type { PeerName } from './peers/index.ts';
import { spreadOf } from './spread.ts';
import { type Contestant, onStand, type Stand } from './stand.ts';
import { PLACES } from './upstream/index.ts';

const WISHED = 5_000;
/** A proxy has two sockets for each stream; these are for everything else. */
const FURTHER_FILES = 1_000;
/** Each round needs processes that have never held a stream: what is freed is not given back. */
const MOST_ROUNDS = 3;
const CROWD = 'callers';
/** Ordinary traffic, before each look at the memory: so much garbage is due that it is collected, and both looks see the same work. */
const TRAFFIC = { crowd: CROWD, pace: { kind: 'closed' }, warmMs: 500, ms: 1_500 } as const;
const WARM_STREAMS = 100;
const SETTLE_MS = 1_000;
const BYTES_PER_KB = 1_024;

type Kind = Readonly<{ stream: StreamKind; name: string; bound: Bound; peers: readonly PeerName[] }>;

const KINDS: readonly Kind[] = [
  {
    stream: 'events',
    name: 'open event stream',
    bound: { kind: 'at_most', least: 30, aim: 18 },
    peers: ['nginx', 'HAProxy', 'Caddy', 'bare undici', 'express 5 + http-proxy-middleware 4'],
  },
  {
    stream: 'socket',
    name: 'open WebSocket',
    bound: { kind: 'at_most', least: 20, aim: 12 },
    peers: ['nginx', 'HAProxy', 'Caddy', 'express 5 + http-proxy-middleware 4'],
  },
];

export const streams: Part = {
  name: 'streams',
  title: 'Streams: memory for each one that is open',
  run: (rig) => onStand(rig, { peers: [], callers: CALLERS, upstream: 'raw' }, (stand) => run(rig, stand)),
};

type Seen = Readonly<{ kb: number; held: Held }>;

async function run(rig: Rig, stand: Stand): Promise<readonly Row[]> {
  await stand.load.meet(CROWD, makeCallers(stand));
  const count = Math.min(WISHED, Math.floor((readFileLimit() - FURTHER_FILES) / 2));
  const rows: Row[] = [];
  for (const kind of KINDS) {
    const startBanyan = () => stand.addBanyan('Banyan', { cores: rig.cores.proxy });
    const ours: Seen[] = [];
    for (let round = 0; round < Math.min(MOST_ROUNDS, rig.rounds); round += 1)
      ours.push(await measure(rig, stand, kind, count, await startBanyan()));
    rows.push({ ...makeRow(`${kind.name}, Banyan`, count, ours), bound: kind.bound });
    if (rig.mode === 'full')
      for (const name of kind.peers) rows.push(await tellPeer(rig, stand, kind, count, name));
  }
  return rows;
}

async function tellPeer(rig: Rig, stand: Stand, kind: Kind, count: number, name: PeerName): Promise<Row> {
  const peer = await stand.addPeer(name);
  const what = `${kind.name}, ${name}`;
  if ('missing' in peer) return { what, seen: undefined, unit: 'KB', note: peer.missing };
  return makeRow(what, count, [await measure(rig, stand, kind, count, peer)]);
}

function makeRow(what: string, count: number, seen: readonly Seen[]): Row {
  const note = tellTrouble(count, seen);
  return { what, unit: 'KB', seen: spreadOf(seen.map(({ kb }) => kb)), ...(note !== undefined && { note }) };
}

/** Resident memory that so many streams add, in KB for each; the contestant ends with it. */
async function measure(
  rig: Rig,
  stand: Stand,
  { stream, name }: Kind,
  count: number,
  contestant: Contestant,
): Promise<Seen> {
  const { server } = contestant;
  const wish = {
    port: server.port,
    stream,
    path: fillPath(`${PLACES[stream]}:id/`, 1),
    keys: stand.premises.keys,
  };
  const look = async () => {
    await askThrough(stand, contestant, TRAFFIC);
    await wait(SETTLE_MS);
    return readRssBytes(server.pid);
  };
  await stand.load.hold({ ...wish, count: WARM_STREAMS });
  await stand.load.release();
  const before = await look();
  await stand.load.hold({ ...wish, count });
  const after = await look();
  const held = await stand.load.release();
  await server.stop();
  const kb = (after - before) / held.alive / BYTES_PER_KB;
  rig.say(`${name}, ${contestant.name}: ${kb.toFixed(1)} KB for each of ${held.alive}`);
  return { kb, held };
}

function tellTrouble(count: number, seen: readonly Seen[]): string | undefined {
  const fewest = Math.min(...seen.map(({ held }) => held.alive));
  const why = Object.keys(seen.find(({ held }) => held.alive === fewest)?.held.refused ?? {}).join(', ');
  const notes = [
    ...(count < WISHED ? [`${count} streams: this machine allows no more open files`] : []),
    ...(fewest < count ? [`only ${fewest} of ${count} were open${why === '' ? '' : ` (${why})`}`] : []),
  ];
  return notes.length > 0 ? notes.join('; ') : undefined;
}
