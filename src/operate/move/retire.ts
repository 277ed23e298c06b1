import { setTimeout as wait } from 'node:timers/promises';
import type { MoveRecord } from '../../vocabulary/index.ts';
import { type AdminFailure, isRefusal, refuse } from '../admin/problem.ts';
import { count } from './back.ts';
import { awaitConfirmation, describeLate } from './confirmation.ts';
import { DONE, type MoveDone, type MoveWish } from './move-wish.ts';
import type { MoveRooms } from './ports.ts';
import { isOpen, type TenantView, viewMoves } from './view.ts';
import { listNames } from './words.ts';

const PATIENCE_MS = 10_000;
const LOOK_MS = 50;

/** The point of no return: legacy's rows are no longer kept level. Only where nothing is left to wait for. */
export async function retireMove(
  rooms: MoveRooms,
  { feature: name, confirm, kept }: Pick<MoveWish, 'feature' | 'confirm' | 'kept'>,
): Promise<MoveDone | AdminFailure> {
  const ready = await awaitNothingWaiting(rooms, name);
  if (isRefusal(ready)) return ready;
  if (ready.state === 'retired')
    return { ...DONE, changed: false, story: [`The move of ${name} is retired already.`] };
  if (confirm !== name) return refuse('retire_unconfirmed', describePoint(name));
  if (kept === undefined) return refuse('move_refused', describeExport(name));
  const { feature, tables } = ready;
  const epoch = await rooms.moves.change(feature, 'retired');
  const unconfirmed = epoch === undefined ? [] : await awaitConfirmation(rooms, epoch);
  return {
    ...DONE,
    unconfirmed,
    story: [
      `The move of ${name} is retired. Legacy's rows of ${tables.join(', ')} stay as they are now, and are no longer kept level.`,
      kept === 'none'
        ? 'No export was kept: take a copy of both databases before you remove anything from legacy.'
        : `An export of ${count(kept.tenants, 'tenant')} is kept in ${kept.directory}, manifest ${kept.sha256.slice(0, 12)}….`,
      `The table still knows a way back. To end it, too: banyan flip ${name} retired --reason "…".`,
      ...describeLate(unconfirmed),
    ],
  };
}

const describePoint = (name: string) =>
  `This is the point of no return: from then on legacy's rows are no longer kept level, and ${name} cannot be handed back. ` +
  `If that is meant, confirm it with the feature's name ("confirm": "${name}" in the API, --yes-retire ${name} on the command line).`;

const describeExport = (name: string) =>
  `A verified export comes first: banyan move retire ${name} --export DIR makes one and checks it. In the API "export" names it, or says "none" where you have another copy.`;

/** While users write there is always something on its way; a moment without it is enough. */
async function awaitNothingWaiting(rooms: MoveRooms, name: string): Promise<MoveRecord | AdminFailure> {
  const { patienceMs = PATIENCE_MS } = rooms;
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const view = await viewMoves(rooms, name);
    if (isRefusal(view)) return view;
    const [shown] = view.moves;
    if (!shown || shown.move.state === 'retired') return shown?.move ?? refuse('move_unknown');
    const left = refuseUnlessOver(name, shown.tenants);
    if (left) return left;
    const lines = shown.tenants.reduce((sum, { waiting }) => sum + waiting.lines, 0);
    if (lines === 0) return shown.move;
    if (performance.now() > untilMs)
      return refuse(
        'move_refused',
        `${count(lines, 'write')} of the new side still ${lines === 1 ? 'waits' : 'wait'} to be carried back to legacy. Look: banyan move status ${name}.`,
      );
    await wait(LOOK_MS);
  }
}

function refuseUnlessOver(name: string, tenants: readonly TenantView[]): AdminFailure | undefined {
  const nameThose = (which: (one: TenantView) => boolean) =>
    tenants.filter(which).map(({ tenant }) => tenant.name);
  const legacys = nameThose(({ owner, step }) => owner !== 'new' || step !== 'settled');
  if (legacys.length > 0)
    return refuse(
      'move_refused',
      `Legacy still owns ${name} of ${listNames(legacys)}. Hand them over first: banyan move hand-over ${name} --all.`,
    );
  const astray = nameThose(({ declared }) => declared !== 'new');
  if (astray.length > 0)
    return refuse(
      'move_refused',
      `Without the move the table alone says where writes go, and it does not say the new side for ${listNames(astray)}. First: banyan flip ${name} new --reason "…".`,
    );
  const busy = nameThose(({ order }) => order !== undefined && isOpen(order));
  if (busy.length === 0) return undefined;
  return refuse(
    'move_refused',
    `Orders are still open for ${listNames(busy)}. Wait for them: banyan move status ${name}.`,
  );
}
