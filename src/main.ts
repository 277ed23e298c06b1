// Opens the house: settings → rooms → listeners, in this process or shared by several.
import { nameGatewayPort, openAdmin, openGateway } from './doors.ts';
import { openFleet } from './fleet.ts';
import { closeAll, closeHouse, confess, type House } from './house.ts';
import { openMoving } from './moving.ts';
import { createObserve } from './observe/index.ts';
import { type HouseWish, openDefendRoom, openRooms } from './rooms.ts';

export type { House } from './house.ts';
export { type HouseWish, readJwtRules } from './rooms.ts';

/** Throws an Error with one clear sentence where a part cannot be had. */
export async function openHouse(wish: HouseWish): Promise<House> {
  return wish.settings.WORKERS === 1 ? openAlone(wish) : openFleet(wish);
}

async function openAlone(wish: HouseWish): Promise<House> {
  const { settings } = wish;
  const observe = createObserve({ level: settings.LOG_LEVEL, sink: wish.sink });
  const closers: (() => unknown)[] = [];
  try {
    const rooms = await openRooms(wish, observe, closers, () => openDefendRoom(settings, observe));
    closers.push(rooms.rest.close);
    // Legacy keeps its log for a follower that is not there.
    if (settings.FOLLOW_SLOT !== undefined) rooms.mirror.wake();
    closers.push(openMoving(wish, observe, rooms) ?? (() => undefined));
    const admin = await openAdmin(wish, observe, rooms, closers);
    const gateway = await openGateway(wish, observe, rooms, nameGatewayPort(wish));
    observe.emit({ type: 'part_changed', part: 'gateway', state: 'ready', detail: 'listening' });
    observe.emit({ type: 'listening', door: 'admin', url: admin.url });
    observe.emit({ type: 'listening', door: 'gateway', url: gateway.url });
    const parts = { gateway, handle: rooms.handle, closers };
    return {
      gatewayUrl: gateway.url,
      adminUrl: admin.url,
      subscribe: observe.subscribe,
      confess: (error) => confess(observe, error),
      close: (signal, graceMs = settings.SHUTDOWN_GRACE_MS) => closeHouse(observe, parts, signal, graceMs),
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}
