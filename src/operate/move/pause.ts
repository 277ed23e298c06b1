import type { MoveLimitWish, MoveState } from '../../vocabulary/index.ts';
import { type AdminFailure, refuse } from '../admin/problem.ts';
import { awaitConfirmation, describeLate } from './confirmation.ts';
import { keepLimits } from './limits.ts';
import { DONE, type MoveDone } from './move-wish.ts';
import type { MoveRooms } from './ports.ts';
import { refuseUnknownMove } from './view.ts';

const SAID: Readonly<Record<Exclude<MoveState, 'retired'>, string>> = {
  paused: 'What table and flags say is no longer carried out by itself; rows go on being carried both ways.',
  moving: 'What table and flags say is carried out, tenant by tenant.',
};

/** Pauses a move, or lets it go on. Owners stay as they are, and so does everything that keeps rows level. */
export async function changeState(
  rooms: MoveRooms,
  name: string,
  state: Exclude<MoveState, 'retired'>,
  { reason, limits }: Readonly<{ reason?: string | undefined; limits?: MoveLimitWish | undefined }> = {},
): Promise<MoveDone | AdminFailure> {
  const { moves } = await rooms.tenures.news(Number.MAX_SAFE_INTEGER);
  const move = moves.find(({ feature }) => feature === name);
  if (!move) return refuseUnknownMove(name, moves);
  if (move.state === 'retired') return refuse('move_refused', `The move of ${name} is retired: it is over.`);
  const word = state === 'paused' ? 'paused' : 'under way';
  const changed = await keepLimits(rooms, move.feature, limits);
  if (move.state === state)
    return {
      ...DONE,
      changed: changed.length > 0,
      story: [`The move of ${name} is ${word} already.`, ...changed],
    };
  const epoch = await rooms.moves.change(move.feature, state, state === 'paused' ? reason : undefined);
  const unconfirmed = epoch === undefined ? [] : await awaitConfirmation(rooms, epoch);
  return {
    ...DONE,
    unconfirmed,
    story: [`The move of ${name} is ${word}. ${SAID[state]}`, ...changed, ...describeLate(unconfirmed)],
  };
}
