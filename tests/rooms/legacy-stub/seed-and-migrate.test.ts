import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { LegacyRefusal, migrate, nameTenants, seed } from '../../../legacy-stub/index.ts';
import { createDatabase, superuserUrl } from '../../support/database.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase('legacy_seed');
  await seed(database.url, { tenants: 6 });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const TABLES = ['auth_user', 'ai_job', 'chat_channel', 'chat_message', 'files_file', 'files_chunk'];

async function ask<Row = Record<string, unknown>>(sql: string): Promise<Row[]> {
  return (await client.query(sql)).rows as Row[];
}

/** A fingerprint of every row of a tenant. */
async function describeTenant(schema: string): Promise<readonly unknown[]> {
  const parts = TABLES.map(
    (table) =>
      `SELECT '${table}' AS name, count(*)::int AS count, md5(string_agg(t::text, '|' ORDER BY t::text)) AS hash FROM ${schema}.${table} t`,
  );
  return ask(parts.join(' UNION ALL '));
}

describe('seeding', () => {
  test('names four tenants of the story, then numbers them', () => {
    expect(nameTenants(6)).toEqual(['acme', 'globex', 'initech', 'umbrella', 'tenant-005', 'tenant-006']);
  });

  test('makes about 200 rows for each tenant, other ones for each, with ids that collide', async () => {
    const fingerprints = new Set<string>();
    for (const schema of ['acme', 'globex', 'tenant_005', 'tenant_006']) {
      const tables = (await describeTenant(schema)) as { name: string; count: number; hash: string }[];
      const rows = tables.reduce((sum, { count }) => sum + count, 0);
      expect(rows).toBeGreaterThan(150);
      expect(rows).toBeLessThan(250);
      fingerprints.add(JSON.stringify(tables));
      const [ids] = await ask(
        `SELECT min(id) AS low, max(id) = count(*) AS dense FROM ${schema}.chat_message`,
      );
      expect(ids).toEqual({ low: 1, dense: true });
    }
    expect(fingerprints.size).toBe(4);
  });

  test('registers each tenant with its schema and domain', async () => {
    const rows = await ask(
      'SELECT t.id, t.name, t.schema_name, d.domain, d.is_primary FROM public.tenants_tenant t JOIN public.tenants_domain d ON d.tenant_id = t.id ORDER BY t.id',
    );
    expect(rows[4]).toEqual({
      id: 5,
      name: 'tenant-005',
      schema_name: 'tenant_005',
      domain: 'tenant-005.localhost',
      is_primary: true,
    });
    expect(rows).toHaveLength(6);
  });

  test('keeps tenants that exist as they are, and adds what is new', async () => {
    await client.query("UPDATE globex.chat_message SET body = 'changed by a user' WHERE id = 1");
    const before = await describeTenant('globex');

    const steps = await seed(database.url, { tenants: 7 });

    expect(steps.filter(({ outcome }) => outcome === 'made').map(({ tenant }) => tenant)).toEqual([
      'tenant-007',
    ]);
    expect(await describeTenant('globex')).toEqual(before);
    const [next] = await ask("SELECT nextval('public.tenants_tenant_id_seq')::int AS id");
    expect(next).toEqual({ id: 8 });
  });

  test('gives the same rows on another database, whose creation it sees to', async () => {
    const url = new URL(superuserUrl());
    url.pathname = `/legacy_made_${process.pid}`;
    await seed(url.href, { tenants: 2 });
    const other = new pg.Client({ connectionString: url.href });
    await other.connect();
    const [row] = (
      await other.query('SELECT md5(string_agg(j::text, $1 ORDER BY id)) AS hash FROM acme.ai_job j', ['|'])
    ).rows;
    await other.end();
    const [here] = await ask("SELECT md5(string_agg(j::text, '|' ORDER BY id)) AS hash FROM acme.ai_job j");
    await client.query(`DROP DATABASE "${url.pathname.slice(1)}" WITH (FORCE)`);
    expect(row).toEqual(here);
  });

  test('refuses a nonsensical number of tenants with a sentence', async () => {
    for (const tenants of [0, -1, 1.5, Number.NaN, 1_000_000])
      await expect(seed(database.url, { tenants })).rejects.toThrow(
        /^--tenants takes a whole number from 1 to 5000, not /,
      );
  });
});

describe('migrating', () => {
  test('stops where a schema fails, names it and the reason, and goes on there when it was mended', async () => {
    // Somebody's hand-made column: the drift that hundreds of schemas always have.
    await client.query('ALTER TABLE initech.ai_job ADD COLUMN duration_ms text');
    const seen: string[] = [];
    const onProgress = (step: { schema: string }) => seen.push(step.schema);

    const failure = await migrate(database.url, { onProgress }).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(LegacyRefusal);
    expect((failure as Error).message).toMatch(
      /^Migration ai\.0002_job_duration_ms failed in schema initech: column "duration_ms" of relation "ai_job" already exists\. /,
    );
    expect(seen).toEqual(['acme', 'globex']);
    expect(await countApplied()).toEqual({ acme: 7, globex: 7, initech: 5, umbrella: 5, tenant_005: 5 });

    await client.query('ALTER TABLE initech.ai_job DROP COLUMN duration_ms');
    const steps = await migrate(database.url);

    expect(steps.slice(0, 4).map(({ schema, applied }) => [schema, applied.length])).toEqual([
      ...[
        ['acme', 0],
        ['globex', 0],
        ['initech', 2],
      ],
      ['umbrella', 2],
    ]);
    expect(await countApplied()).toEqual({ acme: 7, globex: 7, initech: 7, umbrella: 7, tenant_005: 7 });
  });

  test('fills the new column from the rows there were', async () => {
    const [row] = await ask(
      'SELECT count(*) FILTER (WHERE finished_at IS NOT NULL AND duration_ms IS NULL)::int AS forgotten, count(duration_ms)::int > 20 AS filled FROM acme.ai_job',
    );
    expect(row).toEqual({ forgotten: 0, filled: true });
  });

  test('undoes the whole schema when its second migration fails', async () => {
    const migrations = [
      { app: 'ai', name: '0003_note', sql: 'ALTER TABLE ai_job ADD COLUMN note text' },
      { app: 'ai', name: '0004_broken', sql: 'ALTER TABLE nowhere ADD COLUMN x text' },
    ];
    await expect(migrate(database.url, { migrations })).rejects.toThrow(
      'Migration ai.0004_broken failed in schema acme: relation "nowhere" does not exist',
    );
    const [row] = await ask(
      "SELECT count(*)::int AS columns FROM information_schema.columns WHERE table_schema = 'acme' AND column_name = 'note'",
    );
    expect(row).toEqual({ columns: 0 });
  });

  test('needs a registry, and says how to get one', async () => {
    const empty = await createDatabase('legacy_empty');
    await expect(migrate(empty.url)).rejects.toThrow('run `npm run legacy -- seed` first');
    await empty.drop();
  });
});

async function countApplied(): Promise<Record<string, number>> {
  const schemas = ['acme', 'globex', 'initech', 'umbrella', 'tenant_005'];
  const parts = schemas.map(
    (schema) => `SELECT '${schema}' AS schema, count(*)::int AS count FROM ${schema}.django_migrations`,
  );
  const rows = await ask<{ schema: string; count: number }>(parts.join(' UNION ALL '));
  return Object.fromEntries(rows.map(({ schema, count }) => [schema, count]));
}
