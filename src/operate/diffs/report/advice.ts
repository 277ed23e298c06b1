import { percent } from '../confidence.ts';
import type { RouteDiffs } from '../desk.ts';
import { printCountOf, printOneIn } from '../figures.ts';
import { NOT_COMPARED_WORDS } from '../words.ts';

export type Advice = Readonly<{ badge: string; means: string; next: string }>;

/** A route's verdict in the words of somebody who has to do something about it. */
export function advise(told: RouteDiffs): Advice {
  if (told.verdict.kind === 'different') return adviseDifferent(told);
  return told.verdict.kind === 'clean' ? adviseClean(told) : adviseWaiting(told);
}

function adviseClean({ verdict, row }: RouteDiffs): Advice {
  const { compared, different, upperBound } = verdict;
  const seen =
    different === 0
      ? `In ${printCountOf(compared, 'comparison')} nothing differed that counts.`
      : `${printCountOf(different, 'comparison')} of ${printCountOf(compared, 'comparison')} differed.`;
  const next = row?.stage === 'shadow' ? 'It can go to canary.' : 'Nothing has to be done.';
  return {
    badge: 'Agrees',
    means: `${seen} If more than ${printOneIn(upperBound)} requests (${percent(upperBound)}) differed, that would have been seen with 95 % certainty.`,
    next,
  };
}

function adviseDifferent({ verdict, groups }: RouteDiffs): Advice {
  const { compared, different } = verdict;
  const open = groups.filter(({ counts, triage }) => counts && triage.state === 'open').length;
  const bugs = groups.filter(({ counts, triage }) => counts && triage.state === 'bug').length;
  const next = [
    open > 0 &&
      `${printCountOf(open, 'group')} below ${open === 1 ? 'wants' : 'want'} a decision: a bug, accepted, or noise.`,
    bugs > 0 &&
      `${printCountOf(bugs, 'group')} ${bugs === 1 ? 'is' : 'are'} known as ${bugs === 1 ? 'a bug' : 'bugs'}: mend the new side, then run the samples again.`,
  ].filter((sentence) => sentence !== false);
  return {
    badge: 'Differs',
    means: `${printCountOf(different, 'answer')} of ${printCountOf(compared, 'comparison')} differed (${percent(different / compared)}).`,
    next: next.join(' ') || 'Look at the groups below.',
  };
}

/** The share of what was tried above which the reasons for not comparing are the news. */
const MANY = 0.2;

function adviseWaiting({ verdict, row }: RouteDiffs): Advice {
  const { compared, notCompared, mostly } = verdict;
  const badge = 'Not enough data';
  const tried = compared + notCompared;
  if (tried === 0)
    return {
      badge,
      means: 'Nothing has been compared in this time.',
      next:
        row?.stage === 'shadow'
          ? 'Wait for traffic, or send some. If there is traffic, look at the health of the rehearsals.'
          : 'The route is not in shadow: nothing will be compared until it is.',
    };
  const means = `${printCountOf(compared, 'comparison')} so far: too few to say anything.`;
  if (mostly && notCompared / tried > MANY)
    return {
      badge,
      means,
      next: `${percent(notCompared / tried)} could not be compared, mostly because ${NOT_COMPARED_WORDS[mostly]}. See to that first.`,
    };
  return { badge, means, next: 'Leave the route in shadow until more requests have been compared.' };
}
