import type { Command } from 'commander';
import { readWholeNumber } from './arguments.ts';

/** What may be typed about limits; null takes one away. */
export type TypedLimits = Readonly<{
  wave?: number | null;
  atOnce?: number | null;
  stopAfter?: number | null;
}>;

const MOST = 10_000;
const MOST_AT_ONCE = 4;

export function addLimitOptions(command: Command): Command {
  return command
    .option('--wave <tenants>', 'so many tenants go together; none: all', orNone(1, MOST))
    .option(
      '--at-once <tenants>',
      `so many side by side, up to ${MOST_AT_ONCE}; none: as many as can`,
      orNone(1, MOST_AT_ONCE),
    )
    .option(
      '--stop-after <failures>',
      'so many of a wave may fail, with one more the rest waits; none: never. Without it a tenth of the wave',
      orNone(0, MOST),
    );
}

function orNone(least: number, most: number): (typed: string) => number | null {
  const read = readWholeNumber(least, most);
  return (typed) => (typed === 'none' ? null : read(typed));
}

/** As the admin API has them; undefined where nothing was typed. */
export function toLimitsJson({ wave, atOnce, stopAfter }: TypedLimits): object | undefined {
  const limits = { wave, at_once: atOnce, stop_after: stopAfter };
  return Object.values(limits).every((limit) => limit === undefined) ? undefined : limits;
}
