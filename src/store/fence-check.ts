import type pg from 'pg';

/** Every relation with a column tenant_id is a tenant table, whichever schema it is in. */
const TENANT_RELATIONS = `
  SELECT c.oid, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl, c.relowner,
         format('%I.%I', n.nspname, c.relname) AS place
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE a.attname = 'tenant_id' AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_temp%'`;

const PERMISSIVE_POLICIES = `
  SELECT polrelid, polcmd, pg_get_expr(polqual, polrelid) AS sees, pg_get_expr(polwithcheck, polrelid) AS takes
  FROM pg_policy WHERE polpermissive`;

/** What the app role may have done with the owner's rights: each takes plain numbers only, and no name. Its search path is fixed. */
const OWN_DOORS = `ARRAY[to_regprocedure('banyan.keep_shadow_days(integer)')]`;

/** `names` are the places that are wrong; `say` makes the sentence. A partitioned table may have 17 of them: they share one. */
type Check = Readonly<{ sql: string; say(names: string): string }>;

const CHECKS: readonly Check[] = [
  {
    sql: `SELECT place FROM t WHERE relkind IN ('r', 'p') AND NOT (relrowsecurity AND relforcerowsecurity)`,
    say: (names) =>
      `Row-level security is not enabled and forced on ${names}. SELECT banyan.fence('…') on it.`,
  },
  {
    sql: `SELECT place FROM t WHERE relkind IN ('r', 'p') AND NOT EXISTS (
            SELECT FROM p WHERE p.polrelid = t.oid AND p.polcmd = '*' AND p.sees = $1 AND p.takes = $1)`,
    say: (names) =>
      `The policy that keeps tenants apart is missing or changed on ${names}. SELECT banyan.fence('…') on it.`,
  },
  {
    sql: `SELECT place FROM t WHERE relkind IN ('r', 'p') AND EXISTS (
            SELECT FROM p WHERE p.polrelid = t.oid AND (COALESCE(p.sees, $1) <> $1 OR COALESCE(p.takes, $1) <> $1))`,
    say: (names) => `A second policy lets more rows through on ${names}. DROP it, or make it RESTRICTIVE.`,
  },
  {
    sql: `SELECT place FROM t WHERE relispartition AND (
            EXISTS (SELECT FROM aclexplode(relacl) g WHERE g.grantee <> relowner)
            OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attacl IS NOT NULL))`,
    say: (names) =>
      `Rights are granted on the partitions ${names}; reading a partition passes by its parent. REVOKE them.`,
  },
  {
    sql: `SELECT place FROM t WHERE relkind IN ('r', 'p') AND NOT relispartition AND NOT EXISTS (
            SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = t.oid AND i.indisprimary AND a.attname = 'tenant_id')`,
    say: (names) => `The primary key does not begin with tenant_id on ${names}. Put it first.`,
  },
  {
    sql: `SELECT place FROM t WHERE relkind = 'p' AND NOT relispartition AND (
            SELECT count(*) FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgname IN ('row_journal', 'row_standing') AND g.tgenabled = 'O') < 2`,
    say: (names) => `Nobody watches the rows of ${names}. SELECT banyan.watch_rows('…') on it.`,
  },
  {
    sql: `SELECT place FROM t WHERE relkind = 'm'
          UNION SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_rewrite r ON r.ev_class = c.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            WHERE c.relkind = 'm' AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t)`,
    say: (names) => `The materialised view ${names} holds tenants' rows without a policy. DROP it.`,
  },
  {
    sql: `SELECT format('%I.%I', n.nspname, c.relname) AS place FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_rewrite r ON r.ev_class = c.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
          WHERE c.relkind = 'v' AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM t) AND d.refobjid <> c.oid
            AND NOT COALESCE(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)`,
    say: (names) =>
      `The view ${names} reads tenant tables with its owner's rights. ALTER VIEW … SET (security_invoker = true).`,
  },
  {
    sql: `SELECT p.oid::regprocedure::text AS place FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
          WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            AND has_function_privilege(current_user, p.oid, 'EXECUTE')
            AND NOT COALESCE(p.oid = ANY (${OWN_DOORS}) AND p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)`,
    say: (names) =>
      `The function ${names} runs with its owner's rights (SECURITY DEFINER). REVOKE EXECUTE on it from this role and PUBLIC.`,
  },
  {
    sql: `SELECT place FROM t WHERE relkind = 'f'`,
    say: (names) => `The foreign table ${names} cannot be fenced. Move it out of this database.`,
  },
];

/** What `pg_get_expr` makes of the policy in banyan.fence. */
const POLICY = "(tenant_id = (NULLIF(current_setting('banyan.tenant_id'::text, true), ''::text))::integer)";

// One statement: the catalogs are read once for all checks.
const ALL_CHECKS = `WITH t AS MATERIALIZED (${TENANT_RELATIONS}), p AS MATERIALIZED (${PERMISSIVE_POLICIES}) ${CHECKS.map(
  ({ sql }, nr) => `SELECT DISTINCT ${nr} AS nr, place FROM (${sql}) f${nr}`,
).join(' UNION ALL ')} ORDER BY nr, place`;

/** Looks at every tenant table, partition, view and function; one sentence for each kind of fault. */
export async function findFenceFaults(connection: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await connection.query<{ nr: number; place: string }>(ALL_CHECKS, [POLICY]);
  return CHECKS.flatMap(({ say }, nr) => {
    const places = rows.filter((row) => row.nr === nr).map((row) => row.place);
    return places.length > 0 ? [say(listNames(places))] : [];
  });
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
