import type { SideAnswer } from '../../vocabulary/index.ts';
import { areWrittenAlike, readTime, type TimeWriter } from './time-text.ts';

/**
 * When both sides ran. A write is rehearsed some moments after legacy carried it out, so what both took from their clocks differs by as
 * much: such times are equal where they lie as far from their own run.
 */
export type Clock = Readonly<{ legacy: Run; new: Run; slackMs: number }>;
type Run = Readonly<{ askedMs: number; durationMs: number }>;

export function makeClock(legacy: SideAnswer, fresh: SideAnswer, slackMs: number): Clock {
  return { legacy: makeRun(legacy), new: makeRun(fresh), slackMs };
}

const makeRun = ({ askedMs, answeredMs }: SideAnswer): Run => ({
  askedMs,
  durationMs: Math.max(0, answeredMs - askedMs),
});

/** Did both sides take these from their clocks, and in the same way? */
export function areClockReadings(clock: Clock, legacy: string, fresh: string, writer: TimeWriter): boolean {
  const [one, other] = [readTime(legacy), readTime(fresh)];
  if (!one || !other || !areWrittenAlike(one, other, writer)) return false;
  const [a, b] = [one.ms - clock.legacy.askedMs, other.ms - clock.new.askedMs];
  const most = clock.legacy.durationMs + clock.new.durationMs + clock.slackMs;
  return Math.abs(a - b) <= most && isReading(a, clock.legacy, clock) && isReading(b, clock.new, clock);
}

const AHEAD_MS = 30_000;
const BEHIND_MS = 1_800_000;

/**
 * Can a time that lies so far from the start of a run come from a clock? Now, and now plus a while, since people choose round whiles: half
 * minutes ahead, half hours behind (local times without a zone). Any other time was stored before, and is compared exactly.
 */
function isReading(distanceMs: number, { durationMs }: Run, { slackMs }: Clock): boolean {
  // One slack for the clock, one for seconds that were rounded down.
  const slack = 2 * slackMs;
  const unit = distanceMs >= -slack ? AHEAD_MS : BEHIND_MS;
  const beyond = (((distanceMs + slack) % unit) + unit) % unit;
  return beyond <= durationMs + 2 * slack;
}
