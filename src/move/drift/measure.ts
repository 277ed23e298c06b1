import pg from 'pg';
import type { Mapping } from '../../vocabulary/index.ts';
import { codeOf } from '../trouble.ts';
import { nameLegacyTrouble } from '../verify/trouble.ts';
import type { CatalogTable } from './catalog.ts';
import type { Flaw } from './finding.ts';
import { measureTable } from './measured-rows.ts';
import type { Registered } from './schema-flaws.ts';

/** What was counted. `left`: tenants that were not looked at, or not to their end, when the time was up. */
export type Measured = Readonly<{ tenants: number; rows: number; ms: number; left: readonly string[] }>;

export type MeasureAllWish = Readonly<{
  legacyUrl: string;
  tenants: readonly Registered[];
  /** Legacy's tables by the store's names. */
  tables: readonly CatalogTable[];
  targets: ReadonlyMap<string, CatalogTable>;
  mapping: Mapping;
  /** No statement is begun, and none goes on, after so long. */
  limitMs: number;
}>;

export type TenantFlaws = Readonly<{ tenant: Registered; flaws: readonly Flaw[] }>;

const LANES = 2;

/** Looks at every row of every tenant, tenant by tenant, until the time is up. Changes nothing. Throws VerifyTrouble. */
export async function measureTenants(
  wish: MeasureAllWish,
): Promise<Readonly<{ measured: Measured; found: readonly TenantFlaws[] }>> {
  const beganMs = performance.now();
  const tables = Map.groupBy(wish.tables.filter(isMeasurable), ({ schema }) => schema);
  const found: TenantFlaws[] = [];
  const left: string[] = [];
  let rows = 0;
  const next = wish.tenants.values();
  const work = async (lane: Lane) => {
    for (const tenant of next) {
      const one = await measureTenant(wish, lane, tables.get(tenant.schema) ?? []);
      if (!one.isWhole) left.push(tenant.name);
      rows += one.rows;
      found.push({ tenant, flaws: one.flaws });
    }
  };
  const untilMs = beganMs + wish.limitMs;
  await Promise.all(Array.from({ length: LANES }, () => inLane(wish.legacyUrl, untilMs, work)));
  const ms = Math.round(performance.now() - beganMs);
  return { measured: Object.freeze({ tenants: found.length - left.length, rows, ms, left }), found };
}

type Lane = Readonly<{ client: pg.ClientBase; serverVersion: number; untilMs: number }>;

async function inLane(
  legacyUrl: string,
  untilMs: number,
  work: (lane: Lane) => Promise<void>,
): Promise<void> {
  const client = await connect(legacyUrl);
  try {
    const { rows } = await client.query<{ version: string }>(
      "SELECT current_setting('server_version_num') AS version",
    );
    await work({ client, serverVersion: Number(rows[0]?.version), untilMs });
  } catch (error) {
    throw nameLegacyTrouble(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** As far as the time allows. */
async function measureTenant(
  { targets, mapping }: MeasureAllWish,
  { client, serverVersion, untilMs }: Lane,
  tables: readonly CatalogTable[],
): Promise<Readonly<{ rows: number; flaws: readonly Flaw[]; isWhole: boolean }>> {
  const flaws: Flaw[] = [];
  let rows = 0;
  for (const source of tables) {
    const target = targets.get(source.name);
    if (target === undefined) continue;
    const task = { source, target, mapping };
    const one = await measureInTime(client, untilMs, () => measureTable(client, task, serverVersion));
    if (one === undefined) return { rows, flaws, isWhole: false };
    rows += one.rows;
    flaws.push(...one.flaws);
  }
  return { rows, flaws, isWhole: true };
}

/** Undefined where the time was up before its end. */
async function measureInTime<T>(
  client: pg.ClientBase,
  untilMs: number,
  measure: () => Promise<T>,
): Promise<T | undefined> {
  const restMs = Math.floor(untilMs - performance.now());
  if (restMs <= 0) return undefined;
  await client.query(`SET statement_timeout = ${restMs}`);
  try {
    return await measure();
  } catch (error) {
    if (codeOf(error) === '57014') return undefined;
    throw error;
  }
}

const isMeasurable = ({ form, isReadable, hidesRows }: CatalogTable): boolean =>
  form === 'plain' && isReadable && !hidesRows;

// Whatever the role or the database has set: values are compared by their texts.
const SETTINGS =
  '-c default_transaction_read_only=on -c search_path=pg_catalog -c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres -c extra_float_digits=3';

async function connect(legacyUrl: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: legacyUrl,
    application_name: 'banyan measure',
    connectionTimeoutMillis: 5_000,
    options: SETTINGS,
  });
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw nameLegacyTrouble(error);
  });
  return client;
}
