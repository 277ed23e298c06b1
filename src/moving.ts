// What the gateway does so that rows are moved: it orders what table and flags declare, and keeps a mover running while there is a move.
import { openCensus, openReconciler, startMover } from './move/index.ts';
import type { MoverOrders } from './mover.ts';
import type { Observe } from './observe/index.ts';
import type { HouseWish, Rest, Rooms } from './rooms.ts';

const LOOK_MS = 500;

/** Answers what ends it; undefined where nothing follows legacy's rows, so that none could be moved. */
export function openMoving(
  wish: Pick<HouseWish, 'settings' | 'databaseUrl' | 'legacyDatabaseUrl'>,
  { emit }: Pick<Observe, 'emit'>,
  { store, decide, instance }: Pick<Rooms<Rest>, 'store' | 'decide' | 'instance'>,
): (() => Promise<void>) | undefined {
  const { FOLLOW_SLOT: slot, MOVE_RECHECK_MINUTES } = wish.settings;
  const { databaseUrl, legacyDatabaseUrl: legacyUrl } = wish;
  if (slot === undefined || legacyUrl === undefined) return undefined;
  const orders: MoverOrders = {
    databaseUrl,
    legacyUrl,
    slot,
    recheckMinutes: MOVE_RECHECK_MINUTES,
  };
  let mover: ReturnType<typeof startMover> | undefined;
  const isMoving = () => instance.moves().some(({ state }) => state !== 'retired');
  const looking = setInterval(() => {
    if (mover === undefined && isMoving()) mover = startMover({ module: nameModule(), first: orders, emit });
  }, LOOK_MS).unref();
  const reconciler = openReconciler({
    moves: store.moves,
    moved: instance.moves,
    tenants: store.tenants.list,
    declares: decide.declares,
    ownerOf: instance.gate.ownerOf,
    emit,
  });
  const census = openCensus({
    tenures: store.tenures,
    moveLook: store.moveLook,
    tenants: store.tenants.list,
    isMoving: () => instance.moves().length > 0,
    emit,
  });
  return async () => {
    clearInterval(looking);
    census.close();
    reconciler.close();
    await mover?.close();
  };
}

const nameModule = () =>
  new URL(import.meta.url.endsWith('.ts') ? './mover.ts' : './mover.js', import.meta.url);
