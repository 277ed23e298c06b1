// The load generator's own process: it has nothing else to do, and a core of its own where there is one.
import { servePart } from '../../tests/drills/part.ts';
import { CpuMeter } from '../meter.ts';
import { OpenCrowd } from './crowd.ts';
import { type RequestBytes, writeRequest } from './request-bytes.ts';
import type { Crowd, Load, LoadAsk } from './words.ts';

const US_PER_S = 1e6;
const crowds = new Map<string, readonly (readonly RequestBytes[])[]>();

const prepare = ({ keys, targets }: Crowd) =>
  keys.map((key) => targets.map((target) => writeRequest(target, key)));

async function ask(wish: Extract<LoadAsk, { kind: 'ask' }>): Promise<Load> {
  const requests = crowds.get(wish.crowd);
  if (!requests) throw new Error(`nobody has met the crowd ${wish.crowd}`);
  const proxy = wish.watched.proxy === undefined ? [] : [new CpuMeter(wish.watched.proxy)];
  const upstream = wish.watched.upstream.map((pid) => new CpuMeter(pid));
  const read = () => {
    const own = process.cpuUsage();
    return { proxy: sum(proxy), upstream: sum(upstream), load: (own.user + own.system) / US_PER_S };
  };
  const crowd = new OpenCrowd(wish.port, requests);
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
      cpuS: {
        proxy: after.proxy - before.proxy,
        upstream: after.upstream - before.upstream,
        load: after.load - before.load,
      },
    };
  } finally {
    crowd.close();
  }
}

const sum = (meters: readonly CpuMeter[]) => meters.reduce((all, meter) => all + meter.readS(), 0);

servePart<LoadAsk, Load | undefined>(async (wish) => {
  if (wish.kind === 'ask') return ask(wish);
  crowds.set(wish.name, prepare(wish.crowd));
  return undefined;
});
