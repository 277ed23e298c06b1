import { SIDES, type Side } from '../../vocabulary/index.ts';

export type Traffic = Readonly<Record<Side, number>>;

const LINE = /^banyan_requests_total\{([^}]*)\} (\d+)/gm;
const LABEL = /(\w+)="([^"]*)"/g;

/** Requests by route, from the metrics as they are scraped: with several workers these are the sum of all. `unlisted`: no route of the table. */
export function readTraffic(metrics: string): ReadonlyMap<string, Traffic> {
  const traffic = new Map<string, Traffic>();
  for (const [, labels = '', count] of metrics.matchAll(LINE)) {
    const read = new Map([...labels.matchAll(LABEL)].map(([, name = '', value = '']) => [name, value]));
    const [route, side] = [read.get('route') ?? '', SIDES.find((one) => one === read.get('side'))];
    if (side === undefined) continue;
    const before = traffic.get(route) ?? { legacy: 0, new: 0 };
    traffic.set(route, { ...before, [side]: before[side] + Number(count) });
  }
  return traffic;
}

export function addTraffic(all: readonly (Traffic | undefined)[]): Traffic {
  const sum = (side: Side) => all.reduce((total, one) => total + (one?.[side] ?? 0), 0);
  return { legacy: sum('legacy'), new: sum('new') };
}
