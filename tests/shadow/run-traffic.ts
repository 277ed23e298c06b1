import { setTimeout as wait } from 'node:timers/promises';
import type { ShadowHouse, ToldVerdict } from './shadow-house.ts';
import { openVisitors } from './shot.ts';
import { openTraffic } from './traffic.ts';

export type RunWish = Readonly<{
  seed: string;
  /** Whose traffic; without it everybody's. */
  tenants?: readonly string[];
  requests: number;
  /** People who ask at the same time. */
  concurrency: number;
  /** Most requests a second; undefined: as fast as answers come. */
  ratePerS?: number;
  /** Told now and then how many requests were answered. */
  progress?: (answered: number) => void;
}>;

/** What came of a run of mixed traffic. */
export type TrafficRun = Readonly<{
  requests: number;
  seconds: number;
  same: number;
  different: readonly ToldVerdict[];
  notCompared: Readonly<Record<string, number>>;
  dropped: Readonly<Record<string, number>>;
  /** Requests of which a verdict was told. */
  judged: number;
  /** Of those, the share that was not compared: 0 to 1. */
  notComparedShare: number;
}>;

/** Comparisons may be behind by so many: more would be dropped, as in earnest, and a run wants to see all of them. */
const MOST_BEHIND = 120;
const PROGRESS_EVERY = 1_000;

/** Sends mixed traffic to all tenants of the house, and waits until everything has its verdict. */
export async function runTraffic(shadow: ShadowHouse, wish: RunWish): Promise<TrafficRun> {
  const { house, verdicts } = shadow;
  const visitors = openVisitors(house.gatewayPort);
  const traffic = openTraffic({ seed: wish.seed, tenants: wish.tenants ?? shadow.tenants });
  const beganMs = performance.now();
  let sent = 0;
  let answered = 0;
  const work = async () => {
    while (sent < wish.requests) {
      sent += 1;
      const id = `${wish.seed}-${String(sent).padStart(6, '0')}`;
      await keepPace(beganMs, sent, wish.ratePerS);
      while (verdicts.open > MOST_BEHIND) await wait(20);
      const shot = traffic.next();
      traffic.learn(shot, await visitors.send(shot, id));
      answered += 1;
      if (answered % PROGRESS_EVERY === 0) wish.progress?.(answered);
    }
  };
  try {
    await Promise.all(Array.from({ length: wish.concurrency }, work));
    await shadow.settle();
  } finally {
    visitors.close();
  }
  return describeRun(shadow, answered, (performance.now() - beganMs) / 1000);
}

async function keepPace(beganMs: number, sent: number, ratePerS = Number.POSITIVE_INFINITY): Promise<void> {
  const aheadMs = beganMs + (sent / ratePerS) * 1000 - performance.now();
  if (aheadMs > 0) await wait(aheadMs);
}

function describeRun({ verdicts }: ShadowHouse, requests: number, seconds: number): TrafficRun {
  const { told } = verdicts;
  const of = (verdict: ToldVerdict['verdict']) => told.filter((one) => one.verdict === verdict);
  const notCompared = of('not_compared');
  return {
    requests,
    seconds,
    same: of('same').length,
    different: of('different'),
    notCompared: countEach(notCompared.map(({ reason }) => reason ?? '')),
    dropped: countEach(verdicts.dropped),
    judged: told.length,
    notComparedShare: notCompared.length / Math.max(1, told.length),
  };
}

function countEach(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}
