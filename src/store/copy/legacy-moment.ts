import pg from 'pg';
import {
  type Mapping,
  parseTenantId,
  parseTenantName,
  type TenantId,
  type TenantName,
} from '../../vocabulary/index.ts';
import { isConnectionLoss } from '../database-errors.ts';
import { PRINTING } from '../printing.ts';
import { placeOf } from '../proof-sql.ts';
import type { CopiedTable } from './copied-tables.ts';
import type { CopyRun } from './copy-run.ts';
import { CopyInterrupted, SchemaMoved } from './copy-trouble.ts';

export type LegacyTenant = Readonly<{ id: TenantId; name: TenantName; schema: string }>;

/** Reading may take as long as it is made to. */
const MANNERS = {
  ...PRINTING,
  jit: 'off',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
} as const;

export const setManners = (more: Readonly<Record<string, string>> = {}): string =>
  `SELECT ${Object.entries({ ...MANNERS, ...more })
    .map(([name, value]) => `set_config('${name}', ${pg.escapeLiteral(value)}, true)`)
    .join(', ')}`;

const MOMENT_LOST =
  'Legacy no longer knows the moment at which the copy reads: the connection that held it was lost. The same command goes on with the rest.';

/** Runs `work` in one moment of legacy: the snapshot's, or now. A connection of which nobody knows where it stands is not used again. */
export async function atMoment<T>(
  legacy: pg.Pool,
  snapshot: string | undefined,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await legacy.connect();
  let isWhole = false;
  try {
    const moment = snapshot === undefined ? '' : `; SET TRANSACTION SNAPSHOT ${pg.escapeLiteral(snapshot)}`;
    await client
      .query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY${moment}; ${setManners()}`)
      .catch((error: unknown) => {
        throw isConnectionLoss(error) ? error : new CopyInterrupted(MOMENT_LOST, { cause: error });
      });
    const result = await work(client);
    await client.query('COMMIT');
    isWhole = true;
    return result;
  } finally {
    client.release(!isWhole);
  }
}

export type ListedByLegacy =
  | Readonly<{ kind: 'tenant'; tenant: LegacyTenant; bytes: number }>
  | Readonly<{ kind: 'misnamed'; id: number; name: string }>;

/** Everybody in django-tenants' registry, and how much of the disk their tables take up. */
export async function listLegacy(
  legacy: pg.Pool,
  tables: readonly CopiedTable[],
  mapping: Mapping,
): Promise<readonly ListedByLegacy[]> {
  const { rows } = await legacy.query<{ id: number; name: string; schema: string; bytes: number }>(
    `SELECT t.id, t.name, t.schema_name AS schema, COALESCE(s.bytes, 0)::float8 AS bytes
     FROM public.tenants_tenant t LEFT JOIN (
       SELECT n.nspname, sum(pg_table_size(c.oid)) AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND c.relname = ANY ($1) GROUP BY n.nspname
     ) s ON s.nspname = t.schema_name ORDER BY t.id`,
    [tables.map(({ name }) => mapping.toLegacyTable(name) ?? name)],
  );
  return rows.map(({ schema, bytes, ...row }) => {
    const [id, name] = [parseTenantId(row.id), parseTenantName(row.name)];
    if (id === undefined || name === undefined) return { kind: 'misnamed', ...row };
    return { kind: 'tenant', tenant: { id, name, schema }, bytes };
  });
}

/**
 * A schema is found by its name as it is now, whatever moment its rows are read at: had the name gone to another tenant meanwhile, these
 * would be another's rows. Asked after they were read, and before they count. Throws SchemaMoved.
 */
export async function expectSchema(legacy: pg.Pool, { id, schema }: LegacyTenant): Promise<void> {
  const { rows } = await legacy.query<{ schema: string }>(
    'SELECT schema_name AS schema FROM public.tenants_tenant WHERE id = $1',
    [id],
  );
  if (rows[0]?.schema !== schema) throw new SchemaMoved();
}

/** Where legacy's ids stand, by table, as JSON. */
export async function readIds(
  legacy: pg.ClientBase,
  tenant: LegacyTenant,
  { tables, mapping }: Pick<CopyRun, 'tables' | 'mapping'>,
): Promise<string> {
  const counters = tables
    .filter(({ proven }) => proven.columns.includes('id'))
    .map(
      ({ name }) =>
        `${pg.escapeLiteral(name)}, pg_sequence_last_value(${nameSequence(tenant, name, mapping)}::regclass)`,
    );
  const { rows } = await legacy.query<{ ids: string }>(
    `SELECT json_strip_nulls(json_build_object(${counters.join(', ')}))::text AS ids`,
  );
  return rows[0]?.ids ?? '{}';
}

// Not through the view pg_sequences: right after a seed of 400 schemas the planner knows nothing of the catalogs and reads them all.
function nameSequence({ schema }: LegacyTenant, table: string, mapping: Mapping): string {
  const place = pg.escapeIdentifier(schema);
  if (mapping.isEqual(table)) return pg.escapeLiteral(`${place}.${table}_id_seq`);
  const source = `${place}.${pg.escapeIdentifier(mapping.toLegacyTable(table) ?? table)}`;
  const column = mapping.toLegacyColumn(table, 'id') ?? 'id';
  return `pg_get_serial_sequence(${pg.escapeLiteral(source)}, ${pg.escapeLiteral(column)})`;
}

export type RowsWanted = Readonly<{
  /** SQL of `t`: which of the rows. */
  where?: string;
  order?: readonly string[];
}>;

/** `COPY`'s question for a tenant's rows of one table, the tenant in front, as the table beside the store's own has them. */
export function selectRowsOf(
  tenant: LegacyTenant,
  { proven, columns }: CopiedTable,
  mapping: Mapping,
  { where, order }: RowsWanted = {},
): string {
  const rows = `${listColumns(tenant, columns)} FROM ${placeOf({ schema: tenant.schema, mapping }, proven)} t`;
  return `${rows}${where ? ` WHERE ${where}` : ''}${order ? ` ORDER BY ${order.join(', ')}` : ''}`;
}

export const listColumns = ({ id }: LegacyTenant, columns: readonly string[]): string =>
  `SELECT ${Number(id)}, ${columns.map((column) => `t.${column}`).join(', ')}`;
