// What was seen, as text, as JSON and as a drawing.
import { describeMachine } from '../machine.ts';
import type { Rig, Row } from '../part.ts';
import { judge } from './verdict.ts';

export { drawChart } from './chart.ts';
export { printMisses, printTable } from './table.ts';
export { judge } from './verdict.ts';

/** A part that was run. */
export type Seen = Readonly<{ name: string; title: string; seconds: number; rows: readonly Row[] }>;

/** For machines: all rows with their bounds, spreads and verdicts, and on what they were seen. */
export function writeJson(parts: readonly Seen[], rig: Pick<Rig, 'mode' | 'cores'>): string {
  const told = parts.map(({ rows, ...part }) => ({
    ...part,
    rows: rows.map((row) => ({ ...row, verdict: judge(row) })),
  }));
  const { mode, cores } = rig;
  return `${JSON.stringify({ machine: describeMachine(), mode, cores, parts: told }, undefined, 2)}\n`;
}
