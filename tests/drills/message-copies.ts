import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { TenantId } from '../../src/vocabulary/index.ts';
import { dumpRows } from '../support/follow.ts';
import { CHAT_TABLES } from './moving-chat.ts';
import type { Stack } from './stack.ts';

export type Copies = Readonly<{ legacy: number; new: number }>;

const LOOKS = 60;
const LOOK_MS = 250;

/** How many of these texts stand in exactly one chat message, on each side, whichever tenant wrote them. What is on its way is waited for. */
export function countCopies(stack: Stack, texts: readonly string[]): Promise<Copies> {
  return onBoth(stack, async (legacy, store) => {
    for (let left = LOOKS; ; left -= 1) {
      const copies = {
        legacy: await count(legacy, `(${await nameAll(legacy)})`, texts),
        new: await count(store, 'public.chat_message', texts),
      };
      if (left === 0 || (copies.legacy === texts.length && copies.new === texts.length)) return copies;
      await wait(LOOK_MS);
    }
  });
}

/** Tenants' tables of chat whose rows are not the same on both sides. */
export function compareMoved(stack: Stack, tenants: readonly TenantId[]): Promise<readonly string[]> {
  return onBoth(stack, async (legacy, store) => {
    const unequal: string[] = [];
    for (const tenantId of tenants) {
      const { rows } = await legacy.query<{ schema_name: string }>(
        'SELECT schema_name FROM public.tenants_tenant WHERE id = $1',
        [tenantId],
      );
      const there = await dumpRows(legacy, { schema: rows[0]?.schema_name ?? '' });
      const here = await dumpRows(store, { tenantId });
      for (const table of CHAT_TABLES) {
        const [one, other] = [there, here].map((dump) =>
          JSON.stringify((dump as Record<string, unknown>)[table]),
        );
        if (one !== other) unequal.push(`${tenantId} ${table}`);
      }
    }
    return unequal;
  });
}

async function onBoth<T>(
  { legacyUrl, storeUrl }: Stack,
  work: (legacy: pg.Client, store: pg.Client) => Promise<T>,
): Promise<T> {
  const [legacy, store] = [legacyUrl, storeUrl.superuser].map(
    (connectionString) => new pg.Client({ connectionString, options: '-c timezone=UTC' }),
  ) as [pg.Client, pg.Client];
  await legacy.connect();
  await store.connect();
  try {
    return await work(legacy, store);
  } finally {
    await legacy.end();
    await store.end();
  }
}

async function nameAll(legacy: pg.Client): Promise<string> {
  const { rows } = await legacy.query<{ schema: string }>(
    'SELECT quote_ident(schema_name) AS schema FROM public.tenants_tenant',
  );
  return rows.map(({ schema }) => `SELECT body FROM ${schema}.chat_message`).join(' UNION ALL ');
}

async function count(client: pg.Client, from: string, texts: readonly string[]): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM (SELECT body FROM ${from} AS m WHERE body = ANY ($1) GROUP BY body HAVING count(*) = 1) AS once`,
    [texts],
  );
  return rows[0]?.n ?? 0;
}
