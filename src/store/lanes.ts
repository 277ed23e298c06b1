import type pg from 'pg';
import type { PrismaClient } from './generated/client.ts';
import { type Lane, openLane } from './lane.ts';
import type { Opening } from './opening.ts';
import { Turn } from './turn.ts';
import { type Asked, TurnClient } from './turn-client.ts';

/** How a transaction ends where nothing goes wrong. */
export type Ending = 'commit' | 'undo';
type Work<T> = (client: TurnClient) => Promise<T>;

export type Lanes = Readonly<{
  /** One transaction of the database. Whatever `work` throws undoes it and is thrown. */
  run<T>(opening: Opening, ending: Ending, work: Work<T>): Promise<T>;
  /** Whoever is at work yet gets errors. */
  close(): void;
}>;

/** There are as many lanes as there were transactions at once: no more than connections. */
export function openLanes(prisma: PrismaClient, pool: pg.Pool): Lanes {
  const all = new Set<Lane>();
  const free: Lane[] = [];
  const retire = (lane: Lane) => {
    all.delete(lane);
    lane.close();
  };
  const takeFree = (): Lane | undefined => {
    const lane = free.pop();
    if (lane === undefined || performance.now() < lane.untilMs) return lane;
    retire(lane);
    return takeFree();
  };
  const open = async (): Promise<Lane> => {
    const lane = await openLane(prisma);
    all.add(lane);
    return lane;
  };
  const workIn = async <T>(turn: Turn, work: Work<T>): Promise<Readonly<{ result: T; asked: Asked }>> => {
    const lane = takeFree() ?? (await open());
    const client = new TurnClient(lane.client);
    lane.end.turn = turn;
    try {
      const result = await work(client);
      return { result, asked: client.asked };
    } finally {
      await client.close();
      lane.end.turn = undefined;
      // Only now: nothing that was asked in this turn can reach the next one. Prisma reads related rows side by side, and where one part
      // fails it may still ask for another, after its error: such a lane has no next turn.
      if (client.went === 'well') free.push(lane);
      else retire(lane);
    }
  };
  return {
    async run(opening, ending, work) {
      const turn = await Turn.open(pool, opening);
      try {
        const { result, asked } = await workIn(turn, work);
        if (ending === 'commit') await turn.commit(asked === 'to_read' ? 'unheard' : 'heard');
        return result;
      } finally {
        // Nothing is left to undo after a commit.
        await turn.undo();
      }
    },
    close: () => {
      for (const lane of all) lane.close();
    },
  };
}
