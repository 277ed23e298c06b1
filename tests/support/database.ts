import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A new empty database on the run's PostgreSQL, and its address as the superuser. */
export async function createDatabase(
  label: string,
): Promise<{ name: string; url: string; drop(): Promise<void> }> {
  const name = `${label}_${randomBytes(4).toString('hex')}`;
  await asSuperuser(`CREATE DATABASE "${name}"`);
  const url = new URL(superuserUrl());
  url.pathname = `/${name}`;
  return { name, url: url.href, drop: () => asSuperuser(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`) };
}

export function superuserUrl(): string {
  const url = process.env.BANYAN_TEST_PG;
  if (!url)
    throw new Error(
      'BANYAN_TEST_PG is not set: run these tests by `npm test`, whose global setup starts PostgreSQL',
    );
  return url;
}

/** Runs one statement as the superuser, on the run's main database or on the one named by `url`. */
export async function asSuperuser(sql: string, url: string = superuserUrl()): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
