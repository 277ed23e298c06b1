import pg from 'pg';
import type {
  DiffLedger,
  Emit,
  FlipLog,
  KeyBook,
  MoveBook,
  MoveLook,
  RowJournal,
  SessionBook,
  TenantName,
  TenureBook,
} from '../vocabulary/index.ts';
import { tenantAdapter } from './adapter.ts';
import { ask } from './ask.ts';
import { openFlipLog } from './flip-log.ts';
import { type FollowStore, openFollowStore } from './follow.ts';
import { PrismaClient } from './generated/client.ts';
import { tellHeadcount } from './headcount.ts';
import { openKeyBook } from './key-book.ts';
import { openLanes } from './lanes.ts';
import { openLedger } from './ledger.ts';
import { Moments } from './moments.ts';
import { openMoveBook } from './move-book.ts';
import { openMoveLook } from './move-look.ts';
import { type MoverBook, openMoverBook } from './mover-book.ts';
import type { RehearsalWish } from './opening.ts';
import { type OutboxStore, openOutboxStore } from './outbox.ts';
import { openProofStore, type ProofStore } from './proof.ts';
import { type Rehearsed, runRehearsal, type TenantStore } from './rehearsal.ts';
import { openRowJournal } from './row-journal.ts';
import { openSessionBook } from './session-book.ts';
import { openShares } from './shares.ts';
import { checkStore } from './start-up.ts';
import { openTenants, type Tenants } from './tenants.ts';
import { openTenureBook } from './tenure-book.ts';
import { type Engine, runWithin, type Work } from './within.ts';

export type Store = Readonly<{
  /** One transaction, the tenant set for it alone. Throws TenantUnknown, StoreUnavailable, or what `work` throws. */
  within<T>(tenant: TenantName, work: Work<T>): Promise<T>;
  /** The same work, always undone. */
  rehearse<T>(tenant: TenantName, work: Work<T>): Promise<T>;
  /** What a handler is given. `handler` names it where a query forgot its tenant. */
  scope(tenant: TenantName, handler: string): TenantStore;
  /**
   * Every `within` of the scope joins one transaction that shows the rows in the wished state, sees nothing of what others do, and is
   * undone at the end. Answers the result and what was written. Throws StateUnreachable, and what `within` and `run` throw.
   */
  rehearsal<T>(
    tenant: TenantName,
    handler: string,
    wish: RehearsalWish,
    run: (scope: TenantStore) => Promise<T>,
  ): Promise<Rehearsed<T>>;
  keys: KeyBook;
  sessions: SessionBook;
  flips: FlipLog;
  ledger: DiffLedger;
  journal: RowJournal;
  follow: FollowStore;
  outbox: OutboxStore;
  tenures: TenureBook;
  moves: MoveBook;
  moveLook: MoveLook;
  mover: MoverBook;
  proof: ProofStore;
  tenants: Tenants;
  ping(): Promise<void>;
  close(): Promise<void>;
}>;

export type StoreWish = Readonly<{
  /** The app role's address. */
  url: string;
  emit: Emit;
  /** Connections for tenants' transactions, rehearsals included; default 10. The gateway's own tables have three more, following two. */
  poolSize?: number;
  onUnscoped: 'refuse' | 'count';
}>;

// Nobody waits longer for a free connection: the answer is 503 then.
const CONNECT_TIMEOUT_MS = 2_000;
const CONTROL_POOL_SIZE = 3;
const POOL_SIZE = 10;
// A server ends a statement at its statement_timeout and says so. One that says nothing for so much longer is gone without a word.
const ANSWER_MARGIN_MS = 2_000;

/** Opens the store after all checks of `docs/store.md`; throws StoreRefusal with every finding. */
export async function openStore(wish: StoreWish): Promise<Store> {
  const patienceMs = (await checkStore(wish.url)) + ANSWER_MARGIN_MS;
  // Apart, so that tenants' long transactions never keep a credential from being checked.
  const control = openPool(wish.url, CONTROL_POOL_SIZE, patienceMs);
  const { poolSize = POOL_SIZE } = wish;
  const pool = openPool(wish.url, poolSize, patienceMs, { pipeline: true });
  // `minimal`: a stack trace for each query costs 15 µs, and what Prisma makes of one is for a terminal.
  const prisma = new PrismaClient({ adapter: tenantAdapter(pool), errorFormat: 'minimal' });
  const lanes = openLanes(prisma, pool);
  const tenants = openTenants(control);
  const moments = new Moments(wish.url);
  const follow = openFollowStore(wish.url, control, moments);
  const outbox = openOutboxStore(wish.url, control);
  const proof = openProofStore(wish.url);
  const shares = openShares(poolSize, CONNECT_TIMEOUT_MS);
  const stopCounting = tellHeadcount(shares, pool, wish.emit);
  const close = async () => {
    stopCounting();
    await follow.close();
    await outbox.close();
    await proof.close();
    await moments.close();
    lanes.close();
    await prisma.$disconnect();
    await Promise.all([pool.end(), control.end()]);
  };
  const { emit, onUnscoped } = wish;
  const engine = { lanes, control, shares, tenants, moments, emit, onUnscoped };
  return assembleStore(engine, wish.url, { follow, outbox, proof }, close);
}

function assembleStore(
  engine: Engine,
  url: string,
  carriers: Pick<Store, 'follow' | 'outbox' | 'proof'>,
  close: () => Promise<void>,
): Store {
  const { control } = engine;
  const scope = (tenant: TenantName, handler: string): TenantStore =>
    Object.freeze({ tenant, within: <T>(work: Work<T>) => runWithin(engine, tenant, handler, work) });
  const journal = openRowJournal(control, engine.tenants);
  return Object.freeze({
    within: (tenant, work) => runWithin(engine, tenant, 'within', work),
    rehearse: async (tenant, work) => {
      const wish = { at: undefined, manner: 'read_write' } as const;
      return (await runRehearsal(engine, tenant, 'rehearse', wish, (one) => one.within(work))).result;
    },
    scope,
    rehearsal: (tenant, handler, wish, run) => runRehearsal(engine, tenant, handler, wish, run),
    keys: openKeyBook(control),
    sessions: openSessionBook(control, scope, journal),
    flips: openFlipLog(control),
    ledger: openLedger(control),
    journal,
    ...carriers,
    tenures: openTenureBook(url, control),
    moves: openMoveBook(control),
    moveLook: openMoveLook(control),
    mover: openMoverBook(url, control),
    tenants: engine.tenants,
    ping: async () => {
      await ask(control, 'SELECT 1');
    },
    close,
  } satisfies Store);
}

function openPool(url: string, size: number, patienceMs: number, more: pg.ClientConfig = {}): pg.Pool {
  const pool = new pg.Pool({
    ...more,
    connectionString: url,
    max: size,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    query_timeout: patienceMs,
    keepAlive: true,
    application_name: 'banyan',
  });
  // A connection that the server closes is replaced on next use. Without a listener its end would be the end of the process: the pool
  // listens to idle connections only, and while one is handed out nobody does.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
