import pg from 'pg';
import { type FeatureName, type Position, parsePosition, type TenantId } from '../vocabulary/index.ts';
import { ask } from './ask.ts';
import { findTrouble } from './database-errors.ts';
import { type StoreTrouble, StoreUnavailable } from './errors.ts';
import { REHEARSAL_NAME } from './opening.ts';

/**
 * How long a rehearsal may keep legacy's rows waiting by a lock. Then it is ended: it harms nobody, a late row would. Less than
 * deadlock_timeout, so that of two who wait for each other it is the rehearsal that gives way.
 */
const PATIENCE_MS = 700;
const CONNECT_TIMEOUT_MS = 5_000;

// After these a new connection may find a server that serves; a failover leaves the old one read-only.
const LEADS_NOWHERE: ReadonlySet<StoreTrouble> = new Set(['unreachable', 'crowded', 'read_only']);

// One plan for each foreign key's check: what a generic plan costs in locks does not matter to one connection. Rows are found by their
// keys, whatever a plan made while a table was empty may think. The foreign keys of a large transaction are checked at its end, which
// may take longer than any request's statement.
const SETTINGS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  TimeZone: 'UTC',
  statement_timeout: '10min',
  idle_in_transaction_session_timeout: '1min',
};
const BEGIN = `BEGIN; SELECT ${Object.entries(SETTINGS)
  .map(([name, value]) => `set_config('${name}', '${value}', true)`)
  .join(', ')}; SET CONSTRAINTS ALL DEFERRED`;

/** From where a tenant follows, which of its tables are apart, and which the new side owns, or did until lately. */
export type Fence = Readonly<{
  from: Position;
  apart: ReadonlySet<string>;
  owned: ReadonlyMap<string, OwnedTable>;
}>;

/** What legacy changed in it up to this position (undefined: at all) was not its to change. */
export type OwnedTable = Readonly<{ feature: FeatureName; upTo: Position | undefined }>;

export type Begun = Readonly<{ position: Position; mappingRevision: number; fence: Fence | undefined }>;

/** Whoever adds tenants to a slot holds this lock alone, so that no change of legacy passes by between copy and following. */
export const slotLock = (slot: string): string => `2114251117, hashtext(${pg.escapeLiteral(slot)})`;

/** The follower's one connection to the store, as the app role. Opened when it is needed, and again when it was lost. */
export class FollowConnection {
  readonly #url: string;
  readonly #control: pg.Pool;
  readonly #names = new Map<string, string>();
  #client: Promise<Readonly<{ client: pg.Client; pid: number }>> | undefined;

  constructor(url: string, control: pg.Pool) {
    this.#url = url;
    this.#control = control;
  }

  /** Begins a transaction, alone with the slot, and enters a tenant's fence; answers how far legacy is in the store. */
  async begin(slot: string, tenant: TenantId | undefined): Promise<Begun | undefined> {
    const answers = await this.run(
      [
        BEGIN,
        `SELECT pg_advisory_xact_lock_shared(${slotLock(slot)})`,
        `SELECT position::text, mapping_revision FROM banyan.follow_position WHERE slot = ${pg.escapeLiteral(slot)} FOR NO KEY UPDATE`,
        ...(tenant === undefined ? [] : enter(slot, tenant)),
      ].join('; '),
    );
    const found = answers.findLast(({ fields }) => fields[0]?.name === 'position')?.rows[0];
    const { position: at, mapping_revision: mappingRevision = 0 } = (found ?? {}) as Partial<PositionRow>;
    const position = parsePosition(String(at));
    if (position === undefined) {
      await this.run('ROLLBACK');
      return undefined;
    }
    return { position, mappingRevision, fence: tenant === undefined ? undefined : readEntered(answers) };
  }

  /** Enters another tenant's fence in the same transaction; undefined where it does not follow. */
  async enter(slot: string, tenant: TenantId): Promise<Fence | undefined> {
    return readEntered(await this.run(enter(slot, tenant).join('; ')));
  }

  /** The tables that a foreign key of this name binds, the referring one first. */
  async readForeignKey(constraint: string): Promise<readonly string[]> {
    const [answer] = await this.run(
      `SELECT DISTINCT COALESCE(pg_partition_root(conrelid), conrelid)::regclass::text AS child,
         COALESCE(pg_partition_root(confrelid), confrelid)::regclass::text AS parent
       FROM pg_constraint WHERE contype = 'f' AND conname = ${pg.escapeLiteral(constraint)}`,
    );
    const rows = (answer?.rows ?? []) as readonly { child: string; parent: string }[];
    return rows.flatMap(({ child, parent }) => [child, parent]);
  }

  /** A transaction of its own inside one tenant's fence. */
  async inside<T>(tenant: TenantId, work: () => Promise<T>): Promise<T> {
    await this.run(`BEGIN; SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true)`);
    try {
      const result = await work();
      await this.run('COMMIT');
      return result;
    } catch (error) {
      await this.undo();
      throw error;
    }
  }

  /** Several statements as one simple query; values stand in the text. */
  async run(sql: string): Promise<readonly pg.QueryResult[]> {
    const answers: unknown = await this.#send((client) => client.query(sql));
    return Array.isArray(answers) ? (answers as pg.QueryResult[]) : [answers as pg.QueryResult];
  }

  /** One statement, parsed and planned once per connection. */
  query(text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    const name = this.#names.get(text) ?? `follow_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return this.#send((client) => client.query({ name, text, values: [...values] }));
  }

  /** Whatever is the matter: afterwards no transaction is open. */
  async undo(): Promise<void> {
    await this.run('ROLLBACK').catch(() => this.close());
  }

  async close(): Promise<void> {
    const opened = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    await opened?.client.end().catch(() => undefined);
  }

  async #send<T>(ask: (client: pg.Client) => Promise<T>): Promise<T> {
    this.#client ??= this.#open();
    const opened = await this.#client.catch((error: unknown) => {
      this.#client = undefined;
      throw new StoreUnavailable(error);
    });
    const timer = setInterval(() => void this.#clearTheWay(opened.pid), PATIENCE_MS);
    try {
      return await ask(opened.client);
    } catch (error) {
      const reason = findTrouble(error);
      if (reason === undefined || !LEADS_NOWHERE.has(reason)) throw error;
      await this.close();
      throw new StoreUnavailable(error, { reason });
    } finally {
      clearInterval(timer);
    }
  }

  async #open() {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'banyan follow',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    client.on('error', () => undefined);
    await client.connect();
    this.#names.clear();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    return { client, pid: rows[0]?.pid ?? 0 };
  }

  async #clearTheWay(pid: number): Promise<void> {
    await ask(
      this.#control,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE pid = ANY (pg_blocking_pids($1)) AND application_name = $2`,
      [pid, REHEARSAL_NAME],
    ).catch(() => undefined);
  }
}

/** Whoever changes an owner waits until this transaction has ended: none of legacy's changes is judged by an old word. */
function enter(slot: string, tenant: TenantId): readonly string[] {
  return [
    `SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true)`,
    `SELECT pg_advisory_xact_lock_shared(${Number(tenant)}, hashtext('banyan tenure ' || feature)) FROM banyan.move WHERE state <> 'retired'`,
    `SELECT from_position::text AS "from", ARRAY(SELECT table_name FROM banyan.row_standing WHERE tenant_id = f.tenant_id) AS apart,
       (SELECT COALESCE(json_agg(json_build_array(one, feature, CASE WHEN owner = 'legacy' THEN since::text END)), '[]')
        FROM banyan.tenure t JOIN banyan.move m USING (feature) CROSS JOIN unnest(m.tables) AS one
        WHERE t.tenant = f.tenant_id AND (owner = 'new' OR since IS NOT NULL)) AS owned
     FROM banyan.followed_tenant f WHERE tenant_id = ${Number(tenant)} AND slot = ${pg.escapeLiteral(slot)}`,
  ];
}

type PositionRow = Readonly<{ position: string; mapping_revision: number }>;
type EnteredRow = Readonly<{
  from: string;
  apart: readonly string[];
  owned: readonly (readonly [table: string, feature: FeatureName, upTo: string | null])[];
}>;

function readEntered(answers: readonly pg.QueryResult[]): Fence | undefined {
  const row = answers.at(-1)?.rows[0] as EnteredRow | undefined;
  const from = row && parsePosition(row.from);
  if (row === undefined || from === undefined) return undefined;
  const owned = row.owned.map(
    ([table, feature, upTo]) => [table, { feature, upTo: parsePosition(upTo ?? '') }] as const,
  );
  return { from, apart: new Set(row.apart), owned: new Map(owned) };
}
