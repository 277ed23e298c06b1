import { expect, test } from '@jest/globals';
import pg from 'pg';
import { createDatabase } from '../support/database.ts';

test('the run has a real PostgreSQL 18', async () => {
  const database = await createDatabase('smoke');
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  await client.end();
  await database.drop();
  expect(rows[0].server_version).toMatch(/^18\./);
});
