import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Position, printPosition } from '../../../src/vocabulary/index.ts';
import { connect, dumpRows, type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';
import { randomWrites } from './random-writes.ts';

const SEEDS = [1, 2];
const TRANSACTIONS = 20;

let house: FollowedHouse;
let app: pg.Client;
beforeAll(async () => {
  house = await startFollowedHouse({ tenants: 1 });
  app = await connect(house.database.appUrl);
});
afterAll(async () => {
  await app.end();
  await house.close();
});

type Dump = Awaited<ReturnType<typeof dumpRows>>;

/** What a transaction of the app role sees of acme once it is taken back to this position, and whether it is consistent. */
async function rewindTo(position: Position): Promise<Dump> {
  await app.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT set_config('banyan.tenant_id', '1', true), set_config('banyan.note', 'rehearse', true)`,
  );
  await app.query(`SELECT banyan.rewind('${printPosition(position)}')`);
  const dump = await dumpRows(app, { tenantId: 1 });
  await app.query('ROLLBACK');
  return dump;
}

test.each(SEEDS)(
  'after random transactions (seed %d) every earlier state can be shown again, bit for bit',
  async (seed) => {
    const next = randomWrites(seed, 'acme');
    const states: { position: Position; dump: Dump }[] = [];
    const remember = async () => {
      const position = await house.catchUp();
      states.push({ position, dump: await dumpRows(house.superuser, { tenantId: 1 }) });
    };
    await remember();
    for (let nr = 0; nr < TRANSACTIONS; nr += 1) {
      await house.legacy.query(`BEGIN; ${next().join('; ')}; COMMIT`);
      await remember();
    }
    // What followed is what legacy has: the states are legacy's own.
    expect(states.at(-1)?.dump).toEqual(await dumpRows(house.legacy, { schema: 'acme' }));
    expect(new Set(states.map(({ dump }) => JSON.stringify(dump))).size).toBeGreaterThan(TRANSACTIONS / 2);
    for (const { position, dump } of states.toReversed()) expect(await rewindTo(position)).toEqual(dump);
    expect(await dumpRows(house.superuser, { tenantId: 1 })).toEqual(states.at(-1)?.dump);
    expect(house.events.filter(({ type }) => type !== 'follow_changed')).toEqual([]);
  },
  60_000,
);

test('a way back over a deleted file brings back its chunks; foreign keys hold at the end of it', async () => {
  const before = await house.catchUp();
  const dump = await dumpRows(house.superuser, { tenantId: 1 });
  await house.legacy.query('DELETE FROM acme.files_file');
  await house.legacy.query(
    'DELETE FROM acme.chat_message; DELETE FROM acme.chat_channel; DELETE FROM acme.ai_job',
  );
  await house.catchUp();
  expect(await rewindTo(before)).toEqual(dump);
});

test('a rewind writes nothing into the journal, and parts nothing', async () => {
  const before = await house.catchUp();
  await house.legacy.query("UPDATE acme.auth_user SET first_name = 'rewound'");
  await house.catchUp();
  await app.query(`BEGIN; SELECT set_config('banyan.tenant_id', '1', true)`);
  const count = async () =>
    (
      await app.query(
        'SELECT (SELECT count(*) FROM banyan.row_change) AS changes, (SELECT count(*) FROM banyan.row_standing) AS apart',
      )
    ).rows[0];
  const counted = await count();
  const undone = await app.query(`SELECT banyan.rewind('${printPosition(before)}') AS n`);
  expect(undone.rows[0].n).toBeGreaterThan(0);
  expect(await count()).toEqual(counted);
  await app.query('ROLLBACK');
});
