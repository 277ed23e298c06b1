import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { dumpRows } from '../../support/follow.ts';
import { listApart, makeViews, type ReturningHouse, startReturningHouse } from '../../support/return.ts';
import { randomWrites } from './random-writes.ts';

let house: ReturningHouse;
beforeAll(async () => {
  house = await startReturningHouse({ tenants: 3 });
  for (const tenant of [1, 2, 3]) await house.giveTo('new', tenant);
  await makeViews(house);
});
afterAll(() => house.close());

async function kill(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'banyan return' AND datname = current_database()
     ORDER BY random() LIMIT 2`,
  );
  await client.end();
}

test('3,000 random writes of several writers, two carriers, connections cut on both sides: equal, once, no echo', async () => {
  await house.openAnother();
  let done = 0;
  let refused = 0;
  let isOver = false;
  const writers = [1, 2, 3, 4, 5, 6].map(async (seed) => {
    const tenant = 1 + (seed % 3);
    const write = randomWrites(seed, 'acme_like');
    while (done < 3_000) {
      const statements = write().map((sql) =>
        sql.replace('ON CONFLICT (session_key)', 'ON CONFLICT (tenant_id, session_key)'),
      );
      await house.write(tenant, ...statements).then(
        () => {
          done += statements.length;
        },
        () => {
          refused += 1;
        },
      );
    }
  });
  const killer = (async () => {
    while (!isOver) {
      await kill(house.legacyUrl);
      await kill(house.database.superUrl);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  })();
  await Promise.all(writers);
  isOver = true;
  await killer;
  expect(refused).toBeLessThan(done / 3);
  for (const [tenantId, schema] of [
    [1, 'acme'],
    [2, 'globex'],
    [3, 'initech'],
  ] as const) {
    await house.drain(tenantId);
    expect(
      listApart(await dumpRows(house.legacy, { schema }), await dumpRows(house.superuser, { tenantId })),
    ).toEqual([]);
  }
  await house.catchUp();
  const { rows } = await house.superuser.query(
    `SELECT (SELECT count(*)::int FROM banyan.row_change) AS echoes, (SELECT count(*)::int FROM banyan.stranger) AS strangers,
       (SELECT count(*)::int FROM banyan.outbox) AS left, (SELECT count(*)::int FROM banyan.row_standing) AS apart`,
  );
  expect(rows).toEqual([{ echoes: 0, strangers: 0, left: 0, apart: 0 }]);
}, 120_000);

test('nothing is carried twice: legacy counts each row that it is given', async () => {
  await house.legacy.query(`CREATE TABLE public.seen (what text);
    CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.seen VALUES (TG_OP || ' ' || COALESCE(NEW.id, OLD.id)); RETURN NULL; END $$;
    CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON acme.ai_job FOR EACH ROW EXECUTE FUNCTION public.see()`);
  let isOver = false;
  const killer = (async () => {
    while (!isOver) {
      await kill(house.legacyUrl);
      await kill(house.database.superUrl);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  })();
  for (let id = 2_000_001; id <= 2_000_300; id += 1)
    await house.write(
      1,
      `INSERT INTO ai_job VALUES (1, ${id}, 1, 'm', 'p', NULL, 's', 0, 0, 0, 0, now(), NULL)`,
    );
  isOver = true;
  await killer;
  await house.drain(1);
  const { rows } = await house.legacy.query(
    'SELECT count(*)::int AS seen, count(DISTINCT what)::int AS once FROM public.seen',
  );
  expect(rows).toEqual([{ seen: 300, once: 300 }]);
}, 60_000);
