import type { FeatureName, MoveLimits, MoveLimitWish } from '../../vocabulary/index.ts';
import type { AdminFailure } from '../admin/problem.ts';
import { refuse } from '../admin/problem.ts';
import { DONE, type MoveDone } from './move-wish.ts';
import type { MoveRooms } from './ports.ts';
import { refuseUnknownMove } from './view.ts';

/** Where nobody says how many may fail: a tenth of a wave. */
const USUAL_SHARE = 0.1;

/** Whoever asks for waves wants to look before the next one; so many failures are let pass where he does not say. */
export function completeLimits(wish: MoveLimitWish): MoveLimitWish {
  const { wave, stopAfter } = wish;
  return typeof wave === 'number' && stopAfter === undefined
    ? { ...wish, stopAfter: Math.floor(wave * USUAL_SHARE) }
    : wish;
}

export const isEmpty = (wish: MoveLimitWish | undefined): boolean =>
  wish === undefined || Object.values(wish).every((limit) => limit === undefined);

/** Changes how hand-overs of many tenants go; also while they go on. */
export async function changeLimits(
  rooms: MoveRooms,
  name: string,
  wish: MoveLimitWish | undefined,
): Promise<MoveDone | AdminFailure> {
  const { moves } = await rooms.tenures.news(Number.MAX_SAFE_INTEGER);
  const move = moves.find(({ feature }) => feature === name);
  if (!move) return refuseUnknownMove(name, moves);
  if (move.state === 'retired') return refuse('move_refused', `The move of ${name} is retired: it is over.`);
  const story = await keepLimits(rooms, move.feature, wish);
  return {
    ...DONE,
    changed: story.length > 0,
    story: story.length > 0 ? story : [describeLimits(move.limits)],
  };
}

/** Answers a sentence where something was changed. */
export async function keepLimits(
  { moves, tenures }: Pick<MoveRooms, 'moves' | 'tenures'>,
  feature: FeatureName,
  wish: MoveLimitWish | undefined,
): Promise<readonly string[]> {
  if (wish === undefined || isEmpty(wish)) return [];
  await moves.limit(feature, completeLimits(wish));
  const now = (await tenures.news(Number.MAX_SAFE_INTEGER)).moves.find((move) => move.feature === feature);
  return now ? [describeLimits(now.limits)] : [];
}

/** `In waves of 10, 2 at once; the rest waits when more than 1 of a wave fail.` */
export function describeLimits({ wave, atOnce, stopAfter }: MoveLimits): string {
  const pace = [
    wave === undefined ? 'All tenants in one wave' : `In waves of ${wave}`,
    ...(atOnce === undefined ? [] : [`${atOnce} at once`]),
  ].join(', ');
  if (stopAfter === undefined) return `${pace}; nothing stops them.`;
  const many = stopAfter === 0 ? 'one fails' : `more than ${stopAfter} fail`;
  return `${pace}; where ${many}${wave === undefined ? '' : ' in a wave'}, the rest waits.`;
}
