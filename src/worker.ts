// One of the processes that share the port: opens its rooms as the primary says, and answers the connections that it is dealt.
import { createWriteStream } from 'node:fs';
import type { Socket } from 'node:net';
import { openGateway } from './doors.ts';
import { closeHouse, confess } from './house.ts';
import { createLineSink, createObserve, type Observe } from './observe/index.ts';
import { type HouseWish, openDefendRoom, openRooms } from './rooms.ts';
import { connectToPrimary, type Opened } from './share/index.ts';
import type { BanyanEvent } from './vocabulary/index.ts';

/** What a worker is told to open. */
export type WorkerWish = Omit<HouseWish, 'sink' | 'startRehearsals' | 'sharing'>;

/** Requests in flight get so long when the process must end because of a bug. */
const LAST_GRACE_MS = 5_000;

const primary = connectToPrimary({
  open: (worker, wish, relayed) => open(worker, wish as WorkerWish, relayed),
});

async function open(
  worker: number,
  wish: WorkerWish,
  relayed: readonly BanyanEvent['type'][],
): Promise<Opened> {
  const sink = createLineSink(
    wish.logFile === undefined ? process.stdout : createWriteStream(wish.logFile, { flags: 'a' }),
  );
  const { settings } = wish;
  const observe = createObserve({ level: settings.LOG_LEVEL, sink, worker });
  observe.subscribe((event) => relayed.includes(event.type) && primary.tell(event));
  const closers: (() => unknown)[] = [];
  const rooms = await openRooms({ ...wish, sink }, observe, closers, () => openDefendRoom(settings, observe));
  closers.push(rooms.rest.close);
  let take: (socket: Socket) => void = (socket) => socket.destroy();
  const gateway = await openGateway({ ...wish, sink }, observe, rooms, (taker) => {
    take = taker;
  });
  observe.emit({ type: 'part_changed', part: 'gateway', state: 'ready', detail: `worker ${worker}` });
  const close = (signal: string, graceMs: number) =>
    closeHouse(observe, { gateway, handle: rooms.handle, closers }, signal, graceMs);
  endOnBug(observe, close);
  return {
    take: (socket) => take(socket),
    figures: observe.figures,
    close: (signal) => close(signal, settings.SHUTDOWN_GRACE_MS),
  };
}

/** After an error that nobody caught nothing can be trusted any more: what is in flight ends, and another process takes over. */
function endOnBug(observe: Observe, close: (signal: string, graceMs: number) => Promise<unknown>): void {
  process.once('uncaughtException', (error) => {
    process.on('uncaughtException', (next) => confess(observe, next));
    confess(observe, error);
    primary.leave();
    close('bug', LAST_GRACE_MS).finally(() => process.exit(1));
  });
}
