// The load generator's own process: it has nothing else to do, and a core of its own where there is one.
import { servePart } from '../../tests/drills/part.ts';
import { CpuMeter, compareEachS } from '../meter.ts';
import { OpenCrowd } from './crowd.ts';
import { HeldStreams } from './held-streams.ts';
import { type RequestBytes, writeRequest } from './request-bytes.ts';
import type { Crowd, Held, Load, LoadAsk, Watched } from './words.ts';

const US_PER_S = 1e6;
const crowds = new Map<string, readonly (readonly RequestBytes[])[]>();

const prepare = ({ keys, targets }: Crowd) =>
  keys.map((key) => targets.map((target) => writeRequest(target, key)));

async function ask(wish: Extract<LoadAsk, { kind: 'ask' }>): Promise<Load> {
  const requests = crowds.get(wish.crowd);
  if (!requests) throw new Error(`nobody has met the crowd ${wish.crowd}`);
  const read = openMeters(wish.watched);
  const crowd = new OpenCrowd(wish.ports, requests);
  await crowd.open();
  try {
    let before = read();
    const { tally, seconds } = await crowd.ask(wish.pace, wish.warmMs, wish.ms, () => {
      before = read();
    });
    const after = read();
    return {
      requests: tally.latenciesUs.count,
      errors: tally.errors,
      wrongStatuses: tally.wrongStatuses,
      seconds,
      p50Us: tally.latenciesUs.quantile(0.5),
      p99Us: tally.latenciesUs.quantile(0.99),
      mostUs: tally.latenciesUs.most,
      lateP99Us: tally.latenessUs.quantile(0.99),
      cpuS: compareMeters(before, after),
    };
  } finally {
    crowd.close();
  }
}

type Meters = Readonly<{
  proxy: ReadonlyMap<number, number>;
  upstream: ReadonlyMap<number, number>;
  loadS: number;
}>;

function openMeters(watched: Watched): () => Meters {
  const proxies = watched.proxies.map((pid) => new CpuMeter(pid));
  const upstream = new CpuMeter(watched.upstream);
  return () => {
    const own = process.cpuUsage();
    return {
      proxy: new Map(proxies.flatMap((proxy) => [...proxy.readEachS()])),
      upstream: upstream.readEachS(),
      loadS: (own.user + own.system) / US_PER_S,
    };
  };
}

function compareMeters(before: Meters, after: Meters): Load['cpuS'] {
  const proxy = compareEachS(before.proxy, after.proxy);
  return {
    proxy: proxy.all,
    busiest: proxy.busiest,
    upstream: compareEachS(before.upstream, after.upstream).all,
    load: after.loadS - before.loadS,
  };
}

let streams: HeldStreams | undefined;

servePart<LoadAsk, Load | Held | undefined>(async (wish) => {
  switch (wish.kind) {
    case 'ask':
      return ask(wish);
    case 'hold':
      streams = new HeldStreams(wish);
      return streams.open();
    case 'release': {
      const held = streams?.look();
      streams?.close();
      return held;
    }
    case 'meet':
      crowds.set(wish.name, prepare(wish.crowd));
      return undefined;
  }
});
