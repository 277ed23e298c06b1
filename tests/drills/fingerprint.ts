import pg from 'pg';

/** Every table's rows, as one hash each: `banyan.id_counter` → `12 rows, md5`. */
export type Fingerprint = ReadonlyMap<string, string>;

/** What mirror itself writes down: its verdicts, and how far it has followed legacy. */
const OWN = /^banyan\.(shadow_\w+|follow_position)$/;

/** All tables of a database, of whatever schema, with every row in every column as PostgreSQL prints it. */
export async function takeFingerprint(url: string): Promise<Fingerprint> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const prints = new Map<string, string>();
    for (const table of await listTables(client))
      if (!OWN.test(table)) prints.set(table, await hash(client, table));
    return prints;
  } finally {
    await client.end();
  }
}

/** Tables whose rows are not the same, or that only one of both has. */
export function findChanged(before: Fingerprint, after: Fingerprint): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name)} → ${after.get(name)}`);
}

async function listTables(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname !~ '^(pg_|information_schema)' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

async function hash(client: pg.Client, table: string): Promise<string> {
  const { rows } = await client.query<{ print: string }>(
    `SELECT count(*) || ' rows, ' || coalesce(md5(string_agg(row, E'\\n' ORDER BY row COLLATE "C")), '') AS print
     FROM (SELECT t::text AS row FROM ${table} t) r`,
  );
  return rows[0]?.print ?? '';
}
