import pg from 'pg';

export type CatalogColumn = Readonly<{
  name: string;
  /** As PostgreSQL prints it, length included. */
  type: string;
  isRequired: boolean;
  fallback: string | null;
  generated: 'no' | 'stored' | 'identity_always' | 'identity';
}>;
export type CatalogKey = Readonly<{
  isPrimary: boolean;
  isIdentity: boolean;
  columns: readonly string[];
  /** What makes a unique index more than a list of columns; '' where nothing does. */
  special: string;
}>;
export type CatalogReference = Readonly<{
  columns: readonly string[];
  schema: string;
  table: string;
  targets: readonly string[];
  /** What becomes of the row when the one it refers to goes: 'a', 'r', 'c', 'n' or 'd', as in pg_constraint. */
  onDelete: string;
}>;
export type CatalogSequence = Readonly<{ column: string; schema: string; name: string; isOwned: boolean }>;

export type CatalogTable = Readonly<{
  schema: string;
  name: string;
  form: 'plain' | 'partitioned' | 'inherited' | 'unlogged' | 'no_table';
  /** What the log says of a row that goes: 'd' its primary key, 'f' all of it, 'i' an index, 'n' nothing. */
  replicaIdentity: string;
  hidesRows: boolean;
  isReadable: boolean;
  columns: readonly CatalogColumn[];
  keys: readonly CatalogKey[];
  references: readonly CatalogReference[];
  sequences: readonly CatalogSequence[];
  rules: readonly string[];
  triggers: readonly string[];
}>;

const NOBODYS = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

const NAMES = (from: string, numbers: string): string =>
  `ARRAY(SELECT a.attname::text FROM unnest(${numbers}::int[]) WITH ORDINALITY AS k (attnum, nr)
     JOIN pg_attribute a ON a.attrelid = ${from} AND a.attnum = k.attnum ORDER BY k.nr)`;

const list = (item: string, from: string): string =>
  `(SELECT COALESCE(json_agg(${item}), '[]') FROM ${from})`;

const COLUMNS = list(
  `json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'isRequired', a.attnotnull,
     'fallback', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
     'generated', CASE WHEN a.attgenerated <> '' THEN 'stored' WHEN a.attidentity = 'a' THEN 'identity_always' WHEN a.attidentity = 'd' THEN 'identity' ELSE 'no' END)
   ORDER BY a.attnum`,
  `pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`,
);
const KEYS = list(
  `json_build_object('isPrimary', i.indisprimary, 'isIdentity', i.indisreplident, 'columns', ${NAMES('c.oid', '(i.indkey::int[])[0:i.indnkeyatts - 1]')},
     'special', concat_ws(' where ', pg_get_expr(i.indexprs, c.oid), pg_get_expr(i.indpred, c.oid))) ORDER BY i.indexrelid`,
  'pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid',
);
const REFERENCES = list(
  `json_build_object('columns', ${NAMES('c.oid', 'f.conkey')}, 'schema', fn.nspname, 'table', fc.relname, 'targets', ${NAMES('f.confrelid', 'f.confkey')},
     'onDelete', f.confdeltype) ORDER BY f.oid`,
  `pg_constraint f JOIN pg_class fc ON fc.oid = f.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
   WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conparentid = 0`,
);
// OFFSET 0: the planner holds dependencies of defaults to be rare, and would begin with them, once for each table (50 s for 400 schemas).
const SEQUENCES = list(
  `json_build_object('column', a.attname, 'schema', sn.nspname, 'name', s.relname, 'isOwned', EXISTS (SELECT FROM pg_depend o
     WHERE o.classid = 'pg_class'::regclass AND o.objid = s.oid AND o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid AND o.refobjsubid = d.adnum AND o.deptype = 'a'))`,
  `pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
   CROSS JOIN LATERAL (SELECT x.refobjid FROM pg_depend x
     WHERE x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid AND x.refclassid = 'pg_class'::regclass OFFSET 0) x
   JOIN pg_class s ON s.oid = x.refobjid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace WHERE d.adrelid = c.oid`,
);
const RULES = list(
  'pg_get_expr(r.conbin, r.conrelid)',
  `pg_constraint r WHERE r.conrelid = c.oid AND r.contype = 'c'`,
);
const TRIGGERS = list(
  't.tgname',
  `pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'`,
);

/** The wished tables of every schema of a database, in one statement. */
export async function readTables(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<readonly CatalogTable[]> {
  const { rows } = await client.query<CatalogTable>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name,
       CASE WHEN c.relkind = 'p' THEN 'partitioned' WHEN c.relkind <> 'r' THEN 'no_table' WHEN c.relpersistence = 'u' THEN 'unlogged'
         WHEN EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid) OR c.relhassubclass THEN 'inherited' ELSE 'plain' END AS form,
       c.relreplident::text AS "replicaIdentity", c.relrowsecurity AS "hidesRows",
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS "isReadable",
       ${COLUMNS} AS columns, ${KEYS} AS keys, ${REFERENCES} AS references, ${SEQUENCES} AS sequences, ${RULES} AS rules, ${TRIGGERS} AS triggers
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = ANY ($1) AND ${NOBODYS}`,
    [names],
  );
  return rows;
}

/** Every schema that is not PostgreSQL's own. */
export async function readSchemas(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT n.nspname::text AS name FROM pg_namespace n WHERE ${NOBODYS} ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Tables whose names differ from a wished one by their case only. */
export async function readTwins(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<readonly Readonly<{ schema: string; name: string }>[]> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = ANY ($1) AND c.relname <> ALL ($1) AND ${NOBODYS} ORDER BY 1, 2`,
    [names],
  );
  return rows;
}

const SCHEMAS_AT_ONCE = 500;

/** What each schema's django_migrations says, by schema; schemas that have none are left out. */
export async function readMigrations(
  client: pg.ClientBase,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (let nr = 0; nr < schemas.length; nr += SCHEMAS_AT_ONCE) {
    const parts = schemas.slice(nr, nr + SCHEMAS_AT_ONCE).map(
      (schema) =>
        `SELECT ${pg.escapeLiteral(schema)} AS schema, array_agg(DISTINCT app || '.' || name) AS names
         FROM ${pg.escapeIdentifier(schema)}.django_migrations`,
    );
    const { rows } = await client.query<{ schema: string; names: string[] | null }>(
      parts.join(' UNION ALL '),
    );
    for (const { schema, names } of rows) found.set(schema, names ?? []);
  }
  return found;
}
