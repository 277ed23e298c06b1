import type { Command } from 'commander';
import { MOST_MOVES_AT_ONCE } from '../../vocabulary/index.ts';
import { readWholeNumber } from './arguments.ts';

type Limit = number | 'none';

/** What may be typed about limits. */
export type TypedLimits = Readonly<{ wave?: Limit; atOnce?: Limit; stopAfter?: Limit }>;

const MOST = 10_000;

export function addLimitOptions(command: Command): Command {
  return command
    .option('--wave <tenants>', 'so many tenants go together; none: all', orNone(1, MOST))
    .option(
      '--at-once <tenants>',
      `so many side by side, up to ${MOST_MOVES_AT_ONCE}; none: as many as can`,
      orNone(1, MOST_MOVES_AT_ONCE),
    )
    .option(
      '--stop-after <failures>',
      'so many of a wave may fail, with one more the rest waits; none: never. Without it a tenth of the wave',
      orNone(0, MOST),
    );
}

function orNone(least: number, most: number): (typed: string) => Limit {
  const read = readWholeNumber(least, most);
  return (typed) => (typed === 'none' ? typed : read(typed));
}

/** As the admin API has them; undefined where nothing was typed. */
export function toLimitsJson({ wave, atOnce, stopAfter }: TypedLimits): object | undefined {
  const read = (limit: Limit | undefined) => (limit === 'none' ? null : limit);
  const limits = { wave: read(wave), at_once: read(atOnce), stop_after: read(stopAfter) };
  return Object.values(limits).every((limit) => limit === undefined) ? undefined : limits;
}
