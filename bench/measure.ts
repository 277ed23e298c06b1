import type { Load, LoadWish } from './load/index.ts';
import type { Row } from './part.ts';
import { ratioOf, spreadOf } from './spread.ts';
import type { Contestant, Stand } from './stand.ts';

export type Asking = Pick<LoadWish, 'crowd' | 'pace' | 'warmMs' | 'ms'>;

export const askThrough = (stand: Stand, contestant: Contestant, asking: Asking): Promise<Load> =>
  askThroughAll(stand, [contestant], asking);

/** Each of them gets as many of the connections. */
export function askThroughAll(
  { load, upstream }: Stand,
  contestants: readonly Contestant[],
  asking: Asking,
): Promise<Load> {
  const ports = contestants.map(({ server }) => server.port);
  const proxies = contestants.map(({ server }) => server.pid);
  return load.ask({ ...asking, ports, watched: { proxies, upstream: upstream.pid } });
}

/** Without any proxy: what load and upstream carry on their own. */
export function askDirectly({ load, upstream }: Stand, asking: Asking): Promise<Load> {
  return load.ask({ ...asking, ports: [upstream.port], watched: { proxies: [], upstream: upstream.pid } });
}

export const perCpuS = ({ requests, cpuS }: Load) => requests / cpuS.proxy;
export const perSecond = ({ requests, seconds }: Load) => requests / seconds;
export const p50Ms = ({ p50Us }: Load) => p50Us / 1_000;
export const p99Ms = ({ p99Us }: Load) => p99Us / 1_000;
export const countFailed = ({ errors, wrongStatuses }: Load) =>
  Object.values(wrongStatuses).reduce((sum, count) => sum + count, errors);

/** Below this share of a core a proxy may carry more than it was asked for, and works less often for more at once. */
const BUSY = 0.85;

/** What must be known of a contestant's figures: requests that failed, a core that was not busy. */
export function noteTrouble(loads: readonly Load[]): string | undefined {
  const failed = loads.reduce((sum, load) => sum + countFailed(load), 0);
  const busy = spreadOf(loads.map(({ cpuS, seconds }) => cpuS.proxy / seconds))?.median ?? 1;
  const notes = [
    ...(failed > 0 ? [`${failed} of its requests failed`] : []),
    ...(busy < BUSY
      ? [`its core was ${Math.round(busy * 100)} % busy: load and upstream carry no more here`]
      : []),
  ];
  return notes.length > 0 ? notes.join('; ') : undefined;
}

/** One line for people who watch. */
export function tellLoad(name: string, load: Load): string {
  const share = (seconds: number) => `${Math.round((seconds / load.seconds) * 100)} %`;
  const failed = countFailed(load);
  return [
    name.padEnd(36),
    `${Math.round(perSecond(load))} req/s`.padStart(12),
    `${Math.round(perCpuS(load))} per CPU-s`.padStart(16),
    `proxy ${share(load.cpuS.proxy)}, upstream ${share(load.cpuS.upstream)}, load ${share(load.cpuS.load)}`.padEnd(
      38,
    ),
    `p50 ${p50Ms(load).toFixed(2)} ms, p99 ${p99Ms(load).toFixed(2)} ms`,
    ...(failed > 0 ? [`failed ${failed}`] : []),
  ].join('  ');
}

type Figure = (load: Load) => number;

/** A contestant's own figure, for which there is no bound. */
export function tellRow(
  what: string,
  unit: Row['unit'],
  loads: readonly Load[],
  figure: Figure,
  note?: string,
): Row {
  return { what, unit, seen: spreadOf(loads.map(figure)), ...(note !== undefined && { note }) };
}

export function ratioRow(
  what: string,
  ours: readonly Load[],
  theirs: readonly Load[],
  figure: Figure,
  bound: Row['bound'],
): Row {
  const note = noteTrouble(theirs);
  return {
    what,
    unit: '×',
    seen: ratioOf(ours.map(figure), theirs.map(figure)),
    ...(bound && { bound }),
    ...(note !== undefined && { note }),
  };
}

/** A figure of requests that failed would be none. */
export function failedRow(what: string, loads: readonly Load[]): Row {
  const failed = loads.reduce((sum, load) => sum + countFailed(load), 0);
  return { what, unit: '', seen: spreadOf([failed]), bound: { kind: 'at_most', least: 0 } };
}
