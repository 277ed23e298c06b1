// A house of several processes: this one has the port and the admin door and answers no request; the workers answer them.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { takePort } from './accept/index.ts';
import { nameGatewayPort, openAdmin } from './doors.ts';
import { closeAll, confess, type House } from './house.ts';
import { openMoving } from './moving.ts';
import { createObserve, type Observe, renderFigures } from './observe/index.ts';
import { type HouseWish, openRooms } from './rooms.ts';
import { type CrewRest, openCrewRest, openPrimary, type Primary } from './share/index.ts';
import type { BanyanEvent, Emit } from './vocabulary/index.ts';
import type { WorkerWish } from './worker.ts';

/** What only a worker knows and people watch; tables, flags and flips this process sees by itself. */
const RELAYED: readonly BanyanEvent['type'][] = [
  'breaker_changed',
  'load_changed',
  'rehearsals_changed',
  'mirror_verdict',
];

/** Throws an Error with one clear sentence where a part cannot be had. */
export async function openFleet(wish: HouseWish): Promise<House> {
  const { settings } = wish;
  const observe = createObserve({ level: settings.LOG_LEVEL, sink: wish.sink });
  const closers: (() => unknown)[] = [];
  const listeners = new Set<Emit>();
  try {
    const rooms = await openRooms(wish, observe, closers, openCrewRest);
    if (settings.FOLLOW_SLOT !== undefined) rooms.mirror.wake();
    closers.push(openMoving(wish, observe, rooms) ?? (() => undefined));
    const relay = (event: BanyanEvent) => {
      for (const listener of listeners) listener(event);
    };
    const primary = await openCrew(wish, observe, rooms.rest, relay);
    closers.push(() => primary.drain('start-up failed', 0));
    const subscribe = (listener: Emit) => {
      listeners.add(listener);
      const stop = observe.subscribe(listener);
      return () => listeners.delete(listener) && stop();
    };
    const metrics = async () => renderFigures([await observe.figures(), ...(await primary.figures())]);
    const admin = await openAdmin(wish, { ...observe, subscribe, metrics }, rooms, closers);
    const gatewayUrl = `http://${settings.HOST}:${primary.port}`;
    observe.emit({ type: 'listening', door: 'admin', url: admin.url });
    observe.emit({ type: 'listening', door: 'gateway', url: gatewayUrl });
    return {
      gatewayUrl,
      adminUrl: admin.url,
      subscribe,
      confess: (error) => confess(observe, error),
      async close(signal, graceMs = settings.SHUTDOWN_GRACE_MS) {
        observe.emit({ type: 'stopping', signal, graceMs });
        const cut = await primary.drain(signal, graceMs);
        await closeAll(closers);
        observe.emit({ type: 'stopped', inFlight: cut });
        return cut;
      },
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

function openCrew(wish: HouseWish, observe: Observe, rest: CrewRest, relay: Emit): Promise<Primary> {
  return openPrimary({
    workers: wish.settings.WORKERS,
    start: startWorker,
    wish: describeWish(wish),
    listen: (server) => takePort(server, nameGatewayPort(wish)),
    emit: observe.emit,
    onEvent(worker, event) {
      rest.note(worker, event);
      relay(event);
    },
    onGone: rest.forget,
    relayed: RELAYED,
  });
}

/** All but what cannot be sent to another process. */
function describeWish({
  sink: _sink,
  startRehearsals: _start,
  sharing: _sharing,
  ...wish
}: HouseWish): WorkerWish {
  return wish;
}

function startWorker(): ChildProcess {
  const module = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  return fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
}
