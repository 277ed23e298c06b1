import type pg from 'pg';

/** How many of these texts stand in exactly one chat message, on each side, whichever tenant wrote them. */
export async function countCopies(
  legacy: pg.Client,
  store: pg.Client,
  texts: readonly string[],
): Promise<Readonly<{ legacy: number; new: number }>> {
  const { rows } = await legacy.query<{ schema: string }>(
    'SELECT quote_ident(schema_name) AS schema FROM public.tenants_tenant',
  );
  const all = rows.map(({ schema }) => `SELECT body FROM ${schema}.chat_message`).join(' UNION ALL ');
  return {
    legacy: await count(legacy, `(${all})`, texts),
    new: await count(store, 'public.chat_message', texts),
  };
}

async function count(client: pg.Client, from: string, texts: readonly string[]): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM (SELECT body FROM ${from} AS m WHERE body = ANY ($1) GROUP BY body HAVING count(*) = 1) AS once`,
    [texts],
  );
  return rows[0]?.n ?? 0;
}
