// Opens the house: settings → rooms → listeners. The only place where rooms are built and handed to one another.
import { type Listener, openListener } from './accept/index.ts';
import { wantsWebSocket } from './admit/index.ts';
import { openForward } from './forward/index.ts';
import type { Handle } from './handle/index.ts';
import { createObserve, type Observe, watchParts } from './observe/index.ts';
import { openCorridor } from './proxy.ts';
import {
  type HouseWish,
  openAdmitRoom,
  openDecideRoom,
  openDefendRoom,
  openDoor,
  openHandleRoom,
  openMirrorRoom,
} from './rooms.ts';
import { openStore } from './store/index.ts';
import type { Emit } from './vocabulary/index.ts';

export { type HouseWish, readJwtRules } from './rooms.ts';

export type House = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  /** Calls `listener` with every event from now on. */
  subscribe(listener: Emit): () => void;
  /** Takes nothing new, lets what is in flight end, closes every room; answers how many requests were cut. */
  close(signal: string): Promise<number>;
}>;

/** Throws an Error with one clear sentence where a part cannot be had. */
export async function openHouse(wish: HouseWish): Promise<House> {
  const { settings } = wish;
  const observe = createObserve({ level: settings.LOG_LEVEL, sink: wish.sink });
  const closers: (() => unknown)[] = [];
  try {
    const store = await openStore({
      url: wish.databaseUrl,
      emit: observe.emit,
      poolSize: settings.DATABASE_POOL_SIZE,
      onUnscoped: 'count',
    });
    closers.push(store.close);
    const forward = openForward({
      legacyUrl: wish.legacyUrl,
      maxBodyBytes: settings.MAX_BODY_BYTES,
      // The bulkheads are what keeps one feature from taking all of them.
      connections: settings.MAX_CONNECTIONS,
    });
    closers.push(forward.close);
    const admit = openAdmitRoom(wish, observe, store, forward);
    closers.push(admit.close);
    const handle = openHandleRoom(settings, observe, store);
    closers.push(handle.close);
    await store.tenants.list();
    const defend = openDefendRoom(settings, observe);
    closers.push(defend.close);
    const decide = await openDecideRoom(settings, observe, { handle, store, defend });
    closers.push(decide.close);
    closers.push(watchParts({ store, forward, emit: observe.emit }));
    const mirror = openMirrorRoom(wish, observe, admit, forward);
    closers.push(mirror.close);
    const door = openDoor(wish, observe, { store, admit, decide, defend, handle, mirror });
    const admin = await openListener(
      { host: settings.ADMIN_HOST, port: settings.ADMIN_PORT, setting: 'ADMIN_PORT', maxConnections: 1_000 },
      { request: async (req, res) => door.listener(req, res) },
    );
    closers.push(() => admin.drain(0), door.close);
    const gateway = await openListener(
      {
        host: settings.HOST,
        port: settings.PORT,
        setting: 'PORT',
        maxConnections: settings.MAX_CONNECTIONS,
        wantsUpgrade: wantsWebSocket,
      },
      openCorridor({
        admit,
        decide,
        defend,
        forward,
        handle,
        mirror,
        emit: observe.emit,
        maxBodyBytes: settings.MAX_BODY_BYTES,
      }),
    );
    observe.emit({ type: 'part_changed', part: 'gateway', state: 'ready', detail: 'listening' });
    observe.emit({ type: 'listening', door: 'admin', url: admin.url });
    observe.emit({ type: 'listening', door: 'gateway', url: gateway.url });
    return {
      gatewayUrl: gateway.url,
      adminUrl: admin.url,
      subscribe: observe.subscribe,
      close: (signal) => closeHouse(wish, observe, { gateway, handle, closers }, signal),
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function closeHouse(
  wish: HouseWish,
  { emit }: Observe,
  { gateway, handle, closers }: Readonly<{ gateway: Listener; handle: Handle; closers: (() => unknown)[] }>,
  signal: string,
): Promise<number> {
  const graceMs = wish.settings.SHUTDOWN_GRACE_MS;
  emit({ type: 'stopping', signal, graceMs });
  handle.hangUp();
  const cut = await gateway.drain(graceMs);
  await closeAll(closers);
  emit({ type: 'stopped', inFlight: cut });
  return cut;
}

async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}
