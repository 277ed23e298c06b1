import { readdirSync, readFileSync } from 'node:fs';
import { hold, type Line } from './drill.ts';
import { median } from './figures.ts';
import type { Stack } from './stack.ts';

/** What all processes of the gateway hold at one moment. */
export type Pulse = Readonly<{
  atMs: number;
  rssMb: number;
  /** Open files and sockets, from proc(5). */
  handles: number;
  /** What Node says that it is waiting for: timers, sockets, watchers. */
  resources: number;
}>;

export async function takePulse(stack: Stack): Promise<Pulse> {
  const pids = stack.gateway.pids();
  const metrics = await stack.readMetrics();
  return {
    atMs: performance.now(),
    rssMb: Math.round(sum(pids, readRssMb)),
    handles: sum(pids, (pid) => readdirSync(`/proc/${pid}/fd`).length),
    resources: metrics.sum('banyan_nodejs_active_resources'),
  };
}

/** Compares the second half of some pulses with the first: what grows and goes on growing. */
export function judgeGrowth(pulses: readonly Pulse[], mostMb: number): readonly Line[] {
  const halves = (read: (pulse: Pulse) => number): readonly [number, number] => {
    const figures = pulses.map(read);
    const half = Math.ceil(figures.length / 2);
    return [median(figures.slice(0, half)), median(figures.slice(-half))];
  };
  const line = (what: string, [first, second]: readonly [number, number], most: number, unit: string) =>
    hold(
      what,
      `grows by at most ${most}${unit}`,
      `${first}${unit}, then ${second}${unit}`,
      second - first <= most,
    );
  return [
    line(
      'memory, all processes',
      halves(({ rssMb }) => rssMb),
      mostMb,
      ' MiB',
    ),
    line(
      'files and sockets',
      halves(({ handles }) => handles),
      MOST_HANDLES,
      '',
    ),
    line(
      'timers, sockets and watchers',
      halves(({ resources }) => resources),
      MOST_HANDLES,
      '',
    ),
  ];
}

/** Connections to legacy and to the store come and go. */
const MOST_HANDLES = 10;

function readRssMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return Number(kb) / 1024;
}

const sum = (pids: readonly number[], read: (pid: number) => number) =>
  pids.reduce((all, pid) => all + read(pid), 0);
