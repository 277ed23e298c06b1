import type { ChildProcess } from 'node:child_process';
import type { Server, Socket } from 'node:net';
import type { BanyanEvent, Emit } from '../vocabulary/index.ts';
import { CrewMember } from './crew-member.ts';
import { type Dealer, openDealer } from './dealer.ts';
import { RESTED, type Rest, restAfter } from './respawn.ts';

export type PrimaryWish = Readonly<{
  workers: number;
  /** Starts one process, with a channel for messages that can carry what structured clone can. */
  start(): ChildProcess;
  /** What each is told to open. */
  wish: unknown;
  /** Has the server of the shared port listen; answers on which port. */
  listen(server: Server): Promise<number>;
  emit: Emit;
  /** Which events workers tell on. */
  relayed: readonly BanyanEvent['type'][];
  onEvent(worker: number, event: BanyanEvent): void;
  /** A worker's process has gone: what it said of itself holds no more. */
  onGone(worker: number): void;
}>;

export type Primary = Readonly<{
  port: number;
  /** The metrics of all workers that answer, as prom-client's JSON. */
  figures(): Promise<readonly (readonly object[])[]>;
  /** Takes nothing new and lets every worker end what is in flight; answers how many requests were cut off. */
  drain(signal: string, graceMs: number): Promise<number>;
}>;

/** A worker that has drained closes its rooms: that takes a moment, too. */
const CLOSING_MS = 5_000;

/** Starts the workers and then listens. Rejects with the first worker's own sentence where the house cannot be opened. */
export async function openPrimary(wish: PrimaryWish): Promise<Primary> {
  let dealer: Dealer | undefined;
  const crew = openCrew(wish, (socket) => (dealer ? dealer.deal(socket) : socket.destroy()));
  try {
    await crew.opened;
    dealer = await openDealer({ listen: wish.listen, takers: crew.serving });
  } catch (error) {
    await crew.leave('start-up failed', 0);
    throw error;
  }
  crew.tellServing();
  const { port, close } = dealer;
  return {
    port,
    figures: () => Promise.all(crew.members().map((member) => member.tell())),
    async drain(signal, graceMs) {
      await close();
      return crew.leave(signal, graceMs + CLOSING_MS);
    },
  };
}

function openCrew(
  { workers, start, wish, relayed, emit, onEvent, onGone }: PrimaryWish,
  dealAnew: (socket: Socket) => void,
) {
  const members = new Map<number, CrewMember>();
  const rests = new Map<number, Rest>();
  const timers = new Set<NodeJS.Timeout>();
  const opened = Promise.withResolvers<void>();
  let isStarting = true;
  let isLeaving = false;
  const serving = () => [...members.values()].filter(({ state }) => state === 'serving');
  const tellServing = () => {
    if (isLeaving || isStarting) return;
    const count = serving().length;
    const detail = `${count} of ${workers} workers serve`;
    emit({ type: 'part_changed', part: 'gateway', state: count > 0 ? 'ready' : 'not_ready', detail });
  };
  const startLater = (worker: number, member: CrewMember) => {
    const rest = restAfter(rests.get(worker) ?? RESTED, performance.now() - member.bornMs);
    rests.set(worker, rest);
    const timer = setTimeout(() => {
      timers.delete(timer);
      startOne(worker);
    }, rest.waitMs);
    timers.add(timer);
  };
  const startOne = (worker: number) => {
    const member: CrewMember = new CrewMember(
      start(),
      { type: 'open', worker, wish, relayed },
      {
        heard: (event) => onEvent(worker, event),
        left(sockets) {
          for (const socket of sockets) isLeaving ? socket.destroy() : dealAnew(socket);
        },
        changed: (state, detail) => {
          emit({ type: 'worker_changed', worker, state, detail });
          if (state === 'gone') onGone(worker);
          if (isStarting && state === 'gone') opened.reject(new Error(detail));
          else if (state === 'gone' && !isLeaving) startLater(worker, member);
          if (isStarting && serving().length === workers) {
            isStarting = false;
            opened.resolve();
          }
          tellServing();
        },
      },
    );
    members.set(worker, member);
    emit({ type: 'worker_changed', worker, state: 'starting', detail: `process ${member.pid}` });
  };
  for (let worker = 1; worker <= workers; worker += 1) startOne(worker);
  return {
    opened: opened.promise,
    members: () => [...members.values()],
    serving,
    tellServing,
    async leave(signal: string, withinMs: number) {
      isLeaving = true;
      for (const timer of timers) clearTimeout(timer);
      await Promise.all([...members.values()].map((member) => member.leave(signal, withinMs)));
      return [...members.values()].reduce((sum, { cut }) => sum + cut, 0);
    },
  };
}
