import pg from 'pg';
import { hashPassword } from '../accounts/passwords.ts';
import { asConnection, type Connection, connect, inTransaction } from '../database/connection.ts';
import { listTenants, nameSchema, REGISTRY_DDL } from '../database/registry.ts';
import { INITIAL_MIGRATIONS, TENANT_DDL } from '../database/tables.ts';
import { LegacyRefusal } from '../refusal.ts';
import { type Cell, makeRows, type TableRows } from './rows.ts';
import { PEOPLE } from './words.ts';

export type SeedStep = Readonly<{
  tenant: string;
  position: number;
  of: number;
  outcome: 'made' | 'kept';
  ms: number;
}>;
export type SeedWish = Readonly<{ tenants?: number; onProgress?: (step: SeedStep) => void }>;

const FIRST_NAMES = ['acme', 'globex', 'initech', 'umbrella'];
const MOST_TENANTS = 5_000;
// Two at a time: one waits for the disk while the other is planned. More only fight for the catalogs.
const HANDS = 2;
// Any fixed number: two seeds at once would make the same schemas.
const LOCK = 7_340_002;

/** The demo's tenant names: four of the story, then `tenant-005`, …. */
export function nameTenants(count: number): readonly string[] {
  const numbered = (position: number) => `tenant-${String(position).padStart(3, '0')}`;
  return Array.from({ length: count }, (_, index) => FIRST_NAMES[index] ?? numbered(index + 1));
}

/**
 * Makes the database, the registry and the first `tenants` demo tenants, each in a transaction of its own, with about 200 rows.
 * A tenant that exists is kept as it is. Throws LegacyRefusal where the database cannot be used.
 */
export async function seed(url: string, wish: SeedWish = {}): Promise<readonly SeedStep[]> {
  const count = wish.tenants ?? FIRST_NAMES.length;
  if (!Number.isInteger(count) || count < 1 || count > MOST_TENANTS)
    throw new LegacyRefusal(`--tenants takes a whole number from 1 to ${MOST_TENANTS}, not ${count}.`);
  await createDatabase(url);
  const client = await connect(url);
  try {
    const db = asConnection(client);
    await db.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await db.query(REGISTRY_DDL);
    const existing = new Set((await listTenants(db)).map(({ name }) => name));
    const steps = await seedTenants(url, nameTenants(count), existing, wish.onProgress);
    await db.query(
      "SELECT setval('public.tenants_tenant_id_seq', (SELECT max(id) FROM public.tenants_tenant))",
    );
    return steps;
  } finally {
    await client.end();
  }
}

/** A new server has no database `legacy` yet. */
async function createDatabase(url: string): Promise<void> {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  const probe = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  const error = await probe.connect().then(
    () => undefined,
    (reason: { code?: string }) => reason,
  );
  await probe.end().catch(() => {});
  const DATABASE_MISSING = '3D000';
  if (error?.code !== DATABASE_MISSING) return;
  const server = new URL(url);
  server.pathname = '/postgres';
  const client = await connect(server.href);
  await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`).finally(() => client.end());
}

async function seedTenants(
  url: string,
  names: readonly string[],
  existing: ReadonlySet<string>,
  onProgress: SeedWish['onProgress'],
): Promise<readonly SeedStep[]> {
  const passwords = await Promise.all(
    PEOPLE.map(({ username }) => hashPassword('demo', `demosaltfor${username}`)),
  );
  const todo = names.entries();
  const steps: SeedStep[] = [];
  const work = async () => {
    const client = await connect(url);
    try {
      for (const [index, tenant] of todo) {
        const started = performance.now();
        const outcome = existing.has(tenant) ? 'kept' : 'made';
        if (outcome === 'made') await seedTenant(asConnection(client), index + 1, tenant, passwords);
        steps.push({
          tenant,
          position: steps.length + 1,
          of: names.length,
          outcome,
          ms: performance.now() - started,
        });
        onProgress?.(steps.at(-1) as SeedStep);
      }
    } finally {
      await client.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(HANDS, names.length) }, work));
  return steps;
}

async function seedTenant(
  db: Connection,
  id: number,
  tenant: string,
  passwords: readonly string[],
): Promise<void> {
  const schema = nameSchema(tenant);
  const tables = makeRows(tenant, passwords);
  await inTransaction(db, async () => {
    await db.query(writeRegistration(id, tenant, schema));
    // One round trip for the whole schema: the time goes into the catalogs, not into waiting.
    await db.query(
      [
        `CREATE SCHEMA ${pg.escapeIdentifier(schema)}`,
        `SET LOCAL search_path TO ${pg.escapeIdentifier(schema)}`,
        TENANT_DDL.replace(/;$/, ''),
        ...[writeMigrations(), ...tables].map(writeInsert),
      ].join(';\n'),
    );
  });
}

function writeRegistration(id: number, tenant: string, schema: string): string {
  const [name, folder, domain] = [tenant, schema, `${tenant}.localhost`].map((text) =>
    pg.escapeLiteral(text),
  );
  return `
INSERT INTO public.tenants_tenant (id, schema_name, name, created_on) VALUES (${id}, ${folder}, ${name}, '2026-01-05');
INSERT INTO public.tenants_domain (domain, is_primary, tenant_id) VALUES (${domain}, true, ${id})`;
}

function writeMigrations(): TableRows {
  const rows = INITIAL_MIGRATIONS.map(([app, name]) => [app, name, '2026-01-05T09:00:00Z']);
  return { table: 'django_migrations', columns: ['app', 'name', 'applied'], rows };
}

function writeInsert({ table, columns, rows }: TableRows): string {
  const values = rows.map((row) => `(${row.map(writeCell).join(',')})`);
  return `INSERT INTO ${table} (${columns.join(',')}) VALUES ${values.join(',\n')}`;
}

function writeCell(cell: Cell): string {
  if (Buffer.isBuffer(cell)) return `'\\x${cell.toString('hex')}'`;
  if (typeof cell === 'string') return pg.escapeLiteral(cell);
  return cell === null ? 'NULL' : String(cell);
}
