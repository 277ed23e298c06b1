// 1 KB of JSON through every proxy, 64 callers at once: how many requests a second of processor carries.
import { fillPath } from './banyan/index.ts';
import { interleave } from './interleave.ts';
import type { Crowd, Load } from './load/index.ts';
import type { Bound, Part, Rig, Row } from './part.ts';
import type { PeerName } from './peers/index.ts';
import { ratioOf, spreadOf } from './spread.ts';
import { type Contestant, onStand, type Stand } from './stand.ts';
import { BODY_BYTES } from './upstream/index.ts';

const CALLERS = 64;
const CROWD = 'callers';
const TIMES = { short: { warmMs: 500, ms: 1_000 }, full: { warmMs: 700, ms: 2_500 } } as const;
/** The just-in-time compiler has seen everything by then. */
const FIRST_WARM_MS = { short: 1_500, full: 4_000 } as const;

const PEERS: Readonly<Record<PeerName, Bound | undefined>> = {
  nginx: { kind: 'at_least', least: 0.25, aim: 0.4 },
  HAProxy: undefined,
  Caddy: { kind: 'at_least', least: 1.2, aim: 2 },
  '@fastify/http-proxy': { kind: 'at_least', least: 1.5, aim: 2.5 },
  'express 5 + http-proxy-middleware 4': { kind: 'at_least', least: 4.5, aim: 8 },
  'fast-proxy': undefined,
  'bare undici': { kind: 'at_least', least: 0.75, aim: 1 },
};

export const corridor: Part = {
  name: 'corridor',
  title: 'The corridor: 1 KB JSON, 64 connections',
  run: (rig) =>
    onStand(
      rig,
      { peers: Object.keys(PEERS) as PeerName[], callers: CALLERS, upstream: 'any' },
      (stand) => compare(rig, stand),
    ),
};

async function compare(rig: Rig, stand: Stand): Promise<readonly Row[]> {
  await stand.load.meet(CROWD, makeCrowd(stand));
  const direct = await askDirectly(stand, rig);
  rig.say(`upstream: ${stand.upstream.name}; load and upstream alone carry ${Math.round(direct.requests / direct.seconds)} req/s`);
  for (const contestant of stand.contestants) await ask(stand, contestant, FIRST_WARM_MS[rig.mode], 100);
  const seen = await interleave(stand.contestants, rig.rounds, async (contestant) => {
    const load = await ask(stand, contestant, TIMES[rig.mode].warmMs, TIMES[rig.mode].ms);
    contestant.tidy();
    rig.say(tell(contestant.name, load));
    return load;
  });
  const [banyan] = stand.contestants;
  const ours = banyan === undefined ? [] : (seen.get(banyan) ?? []).map(perCpuS);
  const rows = stand.contestants.map(({ name }, i): Row => {
    const theirs = seen.get(stand.contestants[i] as Contestant) ?? [];
    return { what: `requests per CPU-second, ${name}`, seen: spreadOf(theirs.map(perCpuS)), unit: 'req/CPU-s' };
  });
  const ratios = stand.contestants.slice(1).map((contestant): Row => {
    const bound = PEERS[contestant.name as PeerName];
    return {
      what: `requests per CPU-second ÷ ${contestant.name}`,
      seen: ratioOf(ours, (seen.get(contestant) ?? []).map(perCpuS)),
      unit: '×',
      ...(bound && { bound }),
    };
  });
  const missing = stand.missing.map(
    ({ name, why }): Row => ({ what: `requests per CPU-second ÷ ${name}`, seen: undefined, unit: '×', note: why }),
  );
  return [...rows, ...ratios, ...missing];
}

const perCpuS = ({ requests, cpuS }: Load) => requests / cpuS.proxy;

function makeCrowd({ premises }: Stand): Crowd {
  const routes = premises.table.routes.filter(({ template }) => template.startsWith('/api/'));
  return {
    keys: premises.keys,
    targets: routes.map(({ method, template }, number) => ({
      method,
      path: fillPath(template, number),
      expect: { status: 200, bodyBytes: BODY_BYTES.small },
    })),
  };
}

function ask({ load, upstream }: Stand, { server }: Contestant, warmMs: number, ms: number): Promise<Load> {
  return load.ask({
    port: server.port,
    crowd: CROWD,
    pace: { kind: 'closed' },
    warmMs,
    ms,
    watched: { proxy: server.pid, upstream: [upstream.pid] },
  });
}

function askDirectly({ load, upstream }: Stand, { mode }: Rig): Promise<Load> {
  return load.ask({
    port: upstream.port,
    crowd: CROWD,
    pace: { kind: 'closed' },
    warmMs: TIMES[mode].warmMs,
    ms: TIMES[mode].ms,
    watched: { proxy: undefined, upstream: [upstream.pid] },
  });
}

function tell(name: string, load: Load): string {
  const share = (seconds: number) => `${Math.round((seconds / load.seconds) * 100)} %`;
  return [
    name.padEnd(36),
    `${Math.round(load.requests / load.seconds)} req/s`,
    `${Math.round(perCpuS(load))} per CPU-s`,
    `proxy ${share(load.cpuS.proxy)} upstream ${share(load.cpuS.upstream)} load ${share(load.cpuS.load)}`,
    `p50 ${(load.p50Us / 1000).toFixed(2)} p99 ${(load.p99Us / 1000).toFixed(2)} ms`,
    load.errors > 0 ? `errors ${load.errors}` : '',
    Object.keys(load.wrongStatuses).length > 0 ? JSON.stringify(load.wrongStatuses) : '',
  ].join('  ');
}
