import type { Badness } from './badness.ts';
import type { Seen } from './gateway-watcher.ts';
import type { Cores } from './gone-bad-house.ts';
import type { LoadAnswer } from './shot.ts';

/** One stretch of load, without mirroring (`off`) or with it while handlers behave in one way. */
export type Round = Readonly<{
  kind: Badness | 'off';
  load: LoadAnswer;
  /** Processors used, by whom. */
  cores: Cores;
  /** What the gateway saw while it was asked, and from then on until everything had its verdict. */
  during: Seen;
  after: Seen;
}>;

/** Processors used meanwhile by what has nothing to do with the drill. */
export const countStrangers = ({ cores: { all, ...ours } }: Round) =>
  Object.values(ours).reduce((rest, one) => rest - one, all);

/** Beyond so many processors of strangers a round tells of them. */
export const MOST_STRANGERS = 0.25;
export const isUndisturbed = (round: Round) => countStrangers(round) <= MOST_STRANGERS;

export const isOff = ({ kind }: Round) => kind === 'off';
export const isOn = ({ kind }: Round) => kind !== 'off';
