// Reads one tenant's rows in three ways and tells what each costs this process: its own processor time, the kernel's for it included,
// and not the database's.
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { type Prisma, PrismaClient } from '../../src/store/generated/client.ts';
import { openStore, type Store, type Tenant } from '../../src/store/index.ts';
import { openInEarnest } from '../../src/store/opening.ts';
import { servePart } from '../../tests/drills/part.ts';
import {
  CASES,
  type Case,
  nameRead,
  type Read,
  type ReadAnswer,
  type ReadAsk,
  WAYS,
  type Way,
} from './reads.ts';

const CONNECTIONS = 16;
const CHANNEL = 1;
const MESSAGE = 5;
const ROWS = 20;
/** Ways take turns several times in a round, so that what the machine does meanwhile happens to all of them. */
const TURNS = 4;

type Ask = () => Promise<readonly unknown[]>;
const ways = new Map<string, Ask>();

servePart(async (asked: ReadAsk): Promise<ReadAnswer> => {
  if (asked.kind === 'open') {
    await open(asked.url);
    return new Map();
  }
  const costs = new Map<string, number>();
  for (const one of CASES) for (const [name, us] of await measure(one, asked.reads)) costs.set(name, us);
  return costs;
});

async function measure(one: Case, reads: number): Promise<ReadAnswer> {
  const sums = new Map<string, number>();
  for (let turn = 0; turn < TURNS; turn += 1)
    for (const way of WAYS) {
      const name = nameRead(one, way);
      const us = await spend(ways.get(`${one.read} ${way}`) as Ask, one.callers, reads / TURNS);
      sums.set(name, (sums.get(name) ?? 0) + us / TURNS);
    }
  return sums;
}

/** µs of processor for each of so many reads. */
async function spend(ask: Ask, callers: number, reads: number): Promise<number> {
  const before = process.cpuUsage();
  let left = Math.round(reads);
  const call = async () => {
    while (left > 0) {
      left -= 1;
      await ask();
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / Math.round(reads);
}

async function open(url: string): Promise<void> {
  const store = await openStore({ url, emit: () => undefined, poolSize: CONNECTIONS, onUnscoped: 'refuse' });
  const [tenant] = await store.tenants.list();
  if (tenant === undefined) throw new Error('no tenant is in the store');
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: CONNECTIONS }) });
  for (const read of ['row', 'page'] as const) {
    ways.set(`${read} pg`, () => readByPg(pool, tenant, read));
    ways.set(`${read} store`, () => readByStore(store, tenant, read));
    ways.set(`${read} plain`, () => readPlainly(plain, tenant, read));
    await expectTheSame(read);
  }
}

const COLUMNS = 'tenant_id, id, channel_id, author_id, body, metadata, created_at, edited_at';

async function readByPg(pool: pg.Pool, { id }: Tenant, read: Read): Promise<readonly unknown[]> {
  const connection = await pool.connect();
  try {
    await connection.query(openInEarnest(id).sql);
    const { rows } =
      read === 'row'
        ? await connection.query(
            `SELECT ${COLUMNS} FROM chat_message WHERE tenant_id = $1 AND id = $2 LIMIT $3`,
            [id, MESSAGE, 1],
          )
        : await connection.query(
            `SELECT ${COLUMNS} FROM chat_message WHERE tenant_id = $1 AND channel_id = $2 ORDER BY id DESC LIMIT $3`,
            [id, CHANNEL, ROWS],
          );
    await connection.query('COMMIT');
    return rows;
  } finally {
    connection.release();
  }
}

const readByStore = (store: Store, { name }: Tenant, read: Read): Promise<readonly unknown[]> =>
  store.scope(name, 'chat/messages').within((tx) => tx.chatMessage.findMany(describe(tx.tenantId, read)));

const readPlainly = (prisma: PrismaClient, { id }: Tenant, read: Read): Promise<readonly unknown[]> =>
  prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT set_config('banyan.tenant_id', ${String(id)}, true)`;
    return tx.chatMessage.findMany(describe(id, read));
  });

const describe = (tenantId: number, read: Read): Prisma.ChatMessageFindManyArgs =>
  read === 'row'
    ? { where: { tenantId, id: MESSAGE }, take: 1 }
    : { where: { tenantId, channelId: CHANNEL }, orderBy: { id: 'desc' }, take: ROWS };

async function expectTheSame(read: Read): Promise<void> {
  const counts = await Promise.all(
    WAYS.map(async (way: Way) => (await ways.get(`${read} ${way}`)?.())?.length),
  );
  const expected = read === 'row' ? 1 : ROWS;
  if (counts.some((count) => count !== expected))
    throw new Error(`expected ${expected} rows of each way: ${counts.join(', ')}`);
}
