import { openLegacyPool } from '../legacy-slot.ts';
import { codeOf, FollowTrouble } from '../trouble.ts';

/**
 * How far rows have been carried back, in legacy's own database, so that it changes together with them. `ids`: what the last batch had;
 * `last_at`: when the last of it was written. Schema and table belong to us; nothing of legacy's is touched.
 */
const MAKE = `
CREATE SCHEMA IF NOT EXISTS banyan;
CREATE TABLE IF NOT EXISTS banyan.returned (
  tenant_id integer     NOT NULL,
  outbox_id bigint      NOT NULL DEFAULT 0,
  ids       bigint[]    NOT NULL DEFAULT '{}',
  last_at   timestamptz NOT NULL DEFAULT '-infinity',
  CONSTRAINT returned_pkey PRIMARY KEY (tenant_id)
)`;

/** Makes what carrying back needs on legacy, where it is missing. Safe to repeat. Throws FollowTrouble. */
export async function prepareReturn(legacyUrl: string): Promise<void> {
  const legacy = openLegacyPool(legacyUrl);
  try {
    const { rows } = await legacy.query<{ place: string | null; tenant: boolean }>(
      `SELECT to_regclass('banyan.returned')::text AS place,
         EXISTS (SELECT FROM public.tenants_tenant WHERE schema_name = 'banyan') AS tenant`,
    );
    if (rows[0]?.tenant)
      throw new FollowTrouble(
        'A tenant of legacy has the schema "banyan", where we would keep how far its rows are carried back. Give it another one.',
      );
    if (rows[0]?.place == null) await legacy.query(MAKE);
  } catch (error) {
    throw error instanceof FollowTrouble ? error : new FollowTrouble(describeRefusal(error));
  } finally {
    await legacy.end();
  }
}

function describeRefusal(error: unknown): string {
  const code = codeOf(error);
  if (code === '42501')
    return (
      'The role of LEGACY_DATABASE_URL may not make the schema "banyan" in legacy\'s database. ' +
      'An administrator runs: GRANT CREATE ON DATABASE … TO … (docs/moving.md)'
    );
  if (code === '42P01')
    return "Legacy's database has no table public.tenants_tenant, by which schemas are told apart.";
  return `Legacy's database cannot be prepared for carrying rows back (${code || 'unknown'}).`;
}
