import { type Hunt, openHuntingGround } from '../shadow/hunt.ts';
import { PLANTED_BUGS } from '../shadow/planted-bugs.ts';
import { type Drill, hold, type Line } from './drill.ts';

const MOST_REQUESTS = 200;

export const drill: Drill = {
  story: `${PLANTED_BUGS.length} variants of the handlers, each with one realistic defect, one after the other under traffic. All are found within
${MOST_REQUESTS} sampled requests, each at the right path and of the right kind, and nothing else is.`,
  run: async (say) => {
    const ground = await openHuntingGround();
    const lines: Line[] = [];
    try {
      for (const bug of PLANTED_BUGS) {
        const hunt = await ground.hunt(bug);
        lines.push(judge(hunt));
        say(`${hunt.needed ?? 'not found'}: ${bug.name}`);
      }
    } finally {
      await ground.close();
    }
    return lines;
  },
};

function judge({ bug, needed, isNamed, strays, groups }: Hunt): Line {
  const { route, path, kind } = bug.expects;
  const isFound = needed !== undefined && needed <= MOST_REQUESTS && isNamed && strays.length === 0;
  const seen = isFound ? `after ${needed} requests` : `${needed ?? 'not found'}; ${groups.join(', ')}`;
  return hold(bug.name, `${route} ${path} ${kind}`, seen, isFound);
}
