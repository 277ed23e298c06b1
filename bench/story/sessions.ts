import pg from 'pg';

/** One connection for as long as the work lasts. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The answers of several statements in one question. */
export async function askAll(client: pg.Client, sql: string): Promise<readonly pg.QueryResult[]> {
  const answers: unknown = await client.query(sql);
  return answers as readonly pg.QueryResult[];
}

/** The value in the first column of the last statement's first row. */
export async function askNumber(client: pg.Client, sql: string): Promise<number> {
  const answers: unknown = await client.query(sql);
  const last = (Array.isArray(answers) ? answers.at(-1) : answers) as pg.QueryResult<Record<string, unknown>>;
  return Number(Object.values(last.rows[0] ?? {})[0]);
}

export type LegacyTenant = Readonly<{ id: number; schema: string }>;

/** Every tenant, oldest first. */
export async function listLegacyTenants(client: pg.Client): Promise<readonly LegacyTenant[]> {
  const { rows } = await client.query<LegacyTenant>(
    'SELECT id, quote_ident(schema_name) AS schema FROM public.tenants_tenant ORDER BY id',
  );
  return rows;
}
