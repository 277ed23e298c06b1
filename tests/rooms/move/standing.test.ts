import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { isolateTenant, shareTenant } from '../../../src/store/index.ts';
import type { TenantName } from '../../../src/vocabulary/index.ts';
import { connect, dumpRows, type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';
import { addTenant } from '../../support/store.ts';
import { newChannel, newJob, newUser } from '../store/rows.ts';

let house: FollowedHouse;
beforeAll(async () => {
  house = await startFollowedHouse({ tenants: 3 });
});
afterAll(() => house.close());

const legacy = (sql: string) => house.legacy.query(sql);
const apart = async () =>
  (
    await house.superuser.query<{ place: string }>(
      `SELECT tenant_id || ' ' || table_name AS place FROM banyan.row_standing ORDER BY 1`,
    )
  ).rows.map(({ place }) => place);
const parted = () => house.events.filter(({ type }) => type === 'rows_parted');
const now = { at: undefined, manner: 'read_write' } as const;

test('following and rehearsing part nothing', async () => {
  await legacy(`UPDATE acme.ai_job SET status = 'followed'`);
  await house.catchUp();
  await house.store.rehearsal(house.acme, 'x', now, (scope) =>
    scope.within((tx) => tx.aiJob.deleteMany({ where: { tenantId: tx.tenantId } })),
  );
  await house.store.rehearse(house.acme, (tx) => tx.aiJob.create({ data: newJob(tx, 9_000) }));
  expect(await apart()).toEqual([]);
  expect(await house.store.journal.standing(house.acme, ['ai_job'])).toBe('followed');
});

test('neither does a write of the new side that is undone, or that changes no row', async () => {
  const failing = house.store.within(house.acme, async (tx) => {
    await tx.aiJob.create({ data: newJob(tx, 9_000) });
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await house.store.within(house.acme, (tx) =>
    tx.djangoSession.deleteMany({ where: { tenantId: tx.tenantId, sessionKey: 'nobody' } }),
  );
  expect(await apart()).toEqual([]);
});

test("nor the end of a session that is legacy's: it gets its grave, and legacy deletes the row", async () => {
  await legacy(`INSERT INTO acme.django_session VALUES ('legacys', 'x', now() + interval '1 day')`);
  await house.catchUp();
  await house.store.sessions.end(house.acme, 'legacys');
  expect(await house.store.sessions.isEnded(house.acme, 'legacys')).toBe(true);
  expect(await apart()).toEqual([]);
  await legacy(`DELETE FROM acme.django_session WHERE session_key = 'legacys'`);
  await house.catchUp();
  expect(
    (await house.superuser.query(`SELECT FROM django_session WHERE session_key = 'legacys'`)).rowCount,
  ).toBe(0);
});

test('nor moving a giant to partitions of its own and back', async () => {
  await isolateTenant(house.database.ownerUrl, house.acme);
  await legacy(`UPDATE acme.ai_job SET status = 'in its own partition'`);
  await house.catchUp();
  await shareTenant(house.database.ownerUrl, house.acme);
  await house.catchUp();
  expect(await apart()).toEqual([]);
  expect(await dumpRows(house.superuser, { tenantId: 1 })).toEqual(
    await dumpRows(house.legacy, { schema: 'acme' }),
  );
});

test('a write of the new side parts its tables, for its tenant: what legacy changes there stays outside, all else follows', async () => {
  await house.store.within(house.acme, async (tx) => {
    await tx.chatChannel.create({ data: newChannel(tx, 7_000, 'ours') });
    await tx.chatChannel.create({ data: newChannel(tx, 7_001, 'ours, too') });
    await tx.filesFile.deleteMany({ where: { tenantId: tx.tenantId, id: 5 } });
  });
  expect(await apart()).toEqual(['1 chat_channel', '1 files_chunk', '1 files_file']);
  expect(await house.store.journal.standing(house.acme, ['chat_channel', 'ai_job'])).toBe('apart');
  expect(await house.store.journal.standing(house.acme, ['ai_job'])).toBe('followed');
  expect(await house.store.journal.standing(house.acme, [])).toBe('apart');
  expect(await house.store.journal.standing(house.globex, [])).toBe('followed');

  await legacy(`UPDATE acme.chat_channel SET topic = 'not here'; UPDATE acme.ai_job SET status = 'here'`);
  await legacy(`UPDATE globex.chat_channel SET topic = 'here'`);
  await house.catchUp();
  const topics = await house.superuser.query(
    `SELECT tenant_id, count(*) FILTER (WHERE topic IN ('here', 'not here'))::int AS n FROM chat_channel GROUP BY 1 ORDER BY 1`,
  );
  expect(topics.rows).toMatchObject([{ n: 0 }, { tenant_id: 2 }, { n: 0 }]);
  expect(topics.rows[1].n).toBeGreaterThan(0);
  expect((await house.superuser.query(`SELECT FROM ai_job WHERE status = 'here'`)).rowCount).toBeGreaterThan(
    0,
  );
  expect(parted()).toContainEqual({ type: 'rows_parted', tenant: 'acme', table: 'chat_channel' });
});

test('a tenant that does not follow has nothing to part', async () => {
  const { name } = await addTenant(house.database, 800, 'alone');
  // A new tenant is found within a second; asking for the list looks at once.
  await house.store.tenants.list();
  await house.store.within(name, (tx) => tx.authUser.create({ data: newUser(tx, 1, 'ada') }));
  expect((await apart()).filter((place) => place.startsWith('800 '))).toEqual([]);
});

test('a change that does not fit parts its own table, and the stream goes on: a key, a foreign key, a value, a missing row', async () => {
  // Rows that legacy does not know of, put in behind everybody's back.
  await house.superuser.query(`BEGIN; SELECT set_config('banyan.note', 'copy', true);
    INSERT INTO auth_user SELECT 2, 500, 'taken', email, first_name, last_name, password, is_staff, is_active, date_joined, last_login FROM auth_user WHERE tenant_id = 2 AND id = 1;
    DELETE FROM ai_job WHERE tenant_id = 2 AND id = 3;
    DELETE FROM chat_message WHERE tenant_id = 3; DELETE FROM chat_channel WHERE tenant_id = 3 AND id = 1; COMMIT`);
  const before = parted().length;
  await legacy(`INSERT INTO globex.auth_user (id, username, email, first_name, last_name, password, is_staff, is_active, date_joined)
    VALUES (600, 'taken', '', '', '', '', false, true, now())`);
  await legacy(`UPDATE globex.ai_job SET status = 'none such' WHERE id = 3`);
  await legacy(`ALTER TABLE globex.chat_channel ALTER COLUMN name TYPE text`);
  await legacy(`UPDATE globex.chat_channel SET name = repeat('long', 30) WHERE id = 1`);
  await legacy(
    `INSERT INTO initech.chat_message (channel_id, author_id, body, metadata, created_at) VALUES (1, 1, 'no such channel here', '{}', now())`,
  );
  await legacy(
    `UPDATE globex.files_file SET name = 'goes on'; UPDATE initech.files_file SET name = 'goes on'`,
  );
  await house.catchUp();
  const news = parted().slice(before);
  expect(news.map((event) => 'table' in event && `${event.tenant} ${event.table}`).toSorted()).toEqual([
    'globex ai_job',
    'globex auth_user',
    'globex chat_channel',
    'initech chat_message',
  ]);
  expect(
    (await house.superuser.query(`SELECT FROM files_file WHERE name = 'goes on' AND tenant_id IN (2, 3)`))
      .rowCount,
  ).toBeGreaterThan(1);
  expect(house.follower.state()).toEqual({ kind: 'following', by: 'itself' });
});

test('a parent that legacy deletes while the new side has children of it parts the parent, once the children are apart', async () => {
  await house.store.within('initech' as TenantName, (tx) =>
    tx.filesFile.create({
      data: {
        tenantId: tx.tenantId,
        id: 9_000,
        ownerId: 2,
        name: 'n',
        contentType: '',
        size: 1n,
        sha256: '',
      },
    }),
  );
  await legacy(`BEGIN; DELETE FROM initech.files_file WHERE owner_id = 2; DELETE FROM initech.ai_job WHERE user_id = 2;
    DELETE FROM initech.chat_message WHERE author_id = 2; UPDATE initech.chat_channel SET created_by_id = 1; DELETE FROM initech.auth_user WHERE id = 2; COMMIT`);
  await legacy(`INSERT INTO initech.django_session VALUES ('after', 'it goes on', now())`);
  await house.catchUp();
  expect(
    (await house.superuser.query(`SELECT FROM django_session WHERE session_key = 'after'`)).rowCount,
  ).toBe(1);
  expect((await apart()).filter((place) => place.startsWith('3 '))).toEqual([
    '3 auth_user',
    // Its channel was taken away above.
    '3 chat_channel',
    '3 chat_message',
    '3 files_file',
  ]);
});

test("the app role sees no other tenant's journal, and can neither change what is in it nor pretend to follow", async () => {
  await legacy(
    `UPDATE acme.django_session SET session_data = 'x'; UPDATE acme.ai_job SET status = 'seen'; UPDATE initech.ai_job SET status = 'seen'`,
  );
  await house.catchUp();
  const app = await connect(house.database.appUrl);
  try {
    const inside = (tenant: number) =>
      app.query(`BEGIN; SELECT set_config('banyan.tenant_id', '${tenant}', true)`);
    await inside(3);
    const seen = await app.query(
      `SELECT DISTINCT tenant_id FROM banyan.row_change UNION SELECT tenant_id FROM banyan.followed_tenant UNION SELECT tenant_id FROM banyan.row_standing`,
    );
    expect(seen.rows).toEqual([{ tenant_id: 3 }]);
    for (const [sql, refusal] of [
      [
        `INSERT INTO banyan.row_change (tenant_id, table_name, change, key) VALUES (1, 'ai_job', 'insert', '{}')`,
        /row-level security/,
      ],
      [`UPDATE banyan.row_change SET position = '0/1'`, /permission denied/],
      [`INSERT INTO banyan.row_standing VALUES (1, 'ai_job')`, /row-level security/],
      ['DELETE FROM banyan.row_standing', /permission denied/],
      [`INSERT INTO banyan.followed_tenant VALUES (3, '${house.slot}', '0/1')`, /permission denied/],
      [`INSERT INTO banyan.follow_position VALUES ('mine', '0/1', '0/1')`, /permission denied/],
      [`UPDATE banyan.follow_position SET mapping = '{}'`, /permission denied/],
      [`SELECT banyan.watch_rows('ai_job')`, /permission denied/],
    ] as const) {
      await app.query('ROLLBACK');
      await inside(3);
      await expect(app.query(sql)).rejects.toThrow(refusal);
    }
    await app.query('ROLLBACK');
    // Outside every fence there is nothing to see, and nothing to take back.
    expect((await app.query('SELECT FROM banyan.row_change')).rowCount).toBe(0);
    expect((await app.query(`SELECT banyan.rewind('0/1') AS n`)).rows).toEqual([{ n: 0 }]);
  } finally {
    await app.end();
  }
});
