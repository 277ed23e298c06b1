import { AsyncLocalStorage } from 'node:async_hooks';
import type { SqlDriverAdapter, SqlQuery, SqlResultSet, Transaction } from '@prisma/driver-adapter-utils';
import type pg from 'pg';
import type { Prisma, PrismaClient } from './generated/client.ts';
import type { Turn } from './turn.ts';

/** Which lane the next `startTransaction` opens: Prisma's own call has no place for it. */
export const opens = new AsyncLocalStorage<LaneEnd>();

/**
 * What Prisma takes for the connection of one transaction that lasts for ever. Tenants' transactions take turns in it. Outside of one
 * nothing runs: there would be no tenant.
 */
export class LaneEnd {
  turn: Turn | undefined;

  /** The adapter's own conversion of values, and the turn's connection instead of the pool. */
  join(adapter: SqlDriverAdapter): Transaction {
    const ask = (question: Asked) => this.#ask(question);
    const bound: SqlDriverAdapter = Object.create(adapter, { client: { value: { query: ask } } });
    return {
      provider: adapter.provider,
      adapterName: adapter.adapterName,
      // Prisma is not to send COMMIT: that belongs to the turn.
      options: { usePhantomQuery: true },
      queryRaw: (query: SqlQuery): Promise<SqlResultSet> => bound.queryRaw(query),
      executeRaw: (query: SqlQuery): Promise<number> => bound.executeRaw(query),
      commit: async () => undefined,
      rollback: async () => undefined,
    };
  }

  #ask({ text, values, types }: Asked): Promise<pg.QueryResult> {
    if (this.turn === undefined)
      return Promise.reject(new Error('A query outside within() has no tenant: the store does not run it.'));
    const question = new Question(text, values, types);
    return this.turn.ask((connection) => connection.query(question));
  }
}

type Asked = Readonly<{ text: string; values: unknown[]; types: pg.CustomTypesConfig }>;

/** What the adapter asks, but the driver copies each property that it finds on it by its descriptor: three cost 4 µs less than five. */
class Question {
  declare readonly rowMode: 'array';
  readonly text: string;
  readonly values: unknown[];
  readonly types: pg.CustomTypesConfig;

  constructor(text: string, values: unknown[], types: pg.CustomTypesConfig) {
    this.text = text;
    this.values = values;
    this.types = types;
  }
}
Object.assign(Question.prototype, { rowMode: 'array' });

export type Lane = Readonly<{
  end: LaneEnd;
  client: Prisma.TransactionClient;
  untilMs: number;
  close(): void;
}>;

// Prisma lets no transaction last longer than a timer of Node can. No lane begins a turn in its last hour.
const PRISMA_MS = 2 ** 31 - 1;
const LANE_MS = PRISMA_MS - 3_600_000;
const OPENING_MS = 5_000;

/**
 * One interactive transaction of Prisma, of which the database knows nothing. Opening one costs 250 µs of processor, more than a query
 * does: therefore it is opened once, and not for each transaction of the database.
 */
export function openLane(prisma: PrismaClient): Promise<Lane> {
  const end = new LaneEnd();
  const closed = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    const hold = async (client: Prisma.TransactionClient) => {
      resolve({ end, client, untilMs: performance.now() + LANE_MS, close: closed.resolve });
      await closed.promise;
    };
    const held = opens.run(end, () => prisma.$transaction(hold, { maxWait: OPENING_MS, timeout: PRISMA_MS }));
    held.catch(reject);
  });
}
