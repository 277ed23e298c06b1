import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { seed } from '../../../legacy-stub/index.ts';
import {
  type DriftReport,
  type DriftWish,
  describeDrift,
  listStops,
  readDrift,
} from '../../../src/move/drift/index.ts';
import { VerifyTrouble } from '../../../src/move/verify/index.ts';
import type { TenantId } from '../../../src/vocabulary/index.ts';
import { createDatabase } from '../../support/database.ts';
import { connect } from '../../support/follow.ts';
import { createStoreDatabase, type StoreDatabase } from '../../support/store.ts';

const FEATURES = {
  accounts: ['auth_user', 'django_session'],
  ai: ['ai_job'],
  chat: ['chat_channel', 'chat_message'],
  files: ['files_file', 'files_chunk'],
} as const;

/** Each in a schema of its own, $s: what is planted there, and all that is told of it: kind, place, weight. */
const DRIFTS: Readonly<Record<string, readonly [sql: string, ...told: string[]]>> = {
  'a table is missing': ['DROP TABLE $s.files_chunk', 'table_missing files_chunk stops'],
  'a column is missing': ['ALTER TABLE $s.ai_job DROP COLUMN cost', 'column_missing ai_job.cost stops'],
  'a column is too many': [
    'ALTER TABLE $s.ai_job ADD COLUMN rating integer',
    'column_extra ai_job.rating stops',
  ],
  'a column is knowingly left out': [
    'ALTER TABLE $s.ai_job ADD COLUMN duration_ms integer',
    'column_left_out ai_job.duration_ms noted',
  ],
  'a column is left out that must have a value': [
    'ALTER TABLE $s.chat_channel ADD COLUMN colour text; UPDATE $s.chat_channel SET colour = $$red$$; ALTER TABLE $s.chat_channel ALTER COLUMN colour SET NOT NULL',
    'column_extra chat_channel.colour stops',
  ],
  'a column has the name of the tenant': [
    'ALTER TABLE $s.ai_job ADD COLUMN tenant_id integer',
    'column_extra ai_job.tenant_id stops',
  ],
  'a column is in the other case': [
    'ALTER TABLE $s.ai_job RENAME COLUMN status TO "Status"',
    'column_missing ai_job.status stops',
    'other_case ai_job.Status stops',
  ],
  'a type is wider': [
    'ALTER TABLE $s.auth_user ALTER COLUMN username TYPE varchar(200)',
    'other_type auth_user.username stops',
  ],
  'a time has no zone': [
    'ALTER TABLE $s.ai_job ALTER COLUMN created_at TYPE timestamp',
    'other_type ai_job.created_at stops',
  ],
  'a column may be NULL': [
    'ALTER TABLE $s.chat_message ALTER COLUMN body DROP NOT NULL',
    'other_nullability chat_message.body stops',
  ],
  'a column may not be NULL': [
    'DELETE FROM $s.chat_message; ALTER TABLE $s.chat_message ALTER COLUMN edited_at SET NOT NULL',
    'other_nullability chat_message.edited_at stops',
  ],
  'a default': [
    `ALTER TABLE $s.ai_job ALTER COLUMN status SET DEFAULT 'queued'`,
    'other_default ai_job.status noted',
  ],
  'another primary key': [
    'ALTER TABLE $s.django_session DROP CONSTRAINT django_session_pkey, ADD PRIMARY KEY (session_key, expire_date)',
    'other_key django_session stops',
  ],
  'no primary key': [
    'ALTER TABLE $s.files_chunk DROP CONSTRAINT files_chunk_pkey; ALTER TABLE $s.files_chunk ALTER seq SET NOT NULL, ALTER file_id SET NOT NULL',
    'no_replica_identity files_chunk stops',
    'other_key files_chunk stops',
  ],
  'a unique key is missing': [
    'ALTER TABLE $s.auth_user DROP CONSTRAINT auth_user_username_key',
    'other_unique auth_user stops',
  ],
  'a unique key is too many, and one for some rows only': [
    'CREATE UNIQUE INDEX ON $s.chat_channel (name); CREATE UNIQUE INDEX ON $s.ai_job (prompt) WHERE false',
    'other_unique ai_job stops',
    'other_unique chat_channel stops',
  ],
  'no replica identity': [
    'ALTER TABLE $s.chat_message REPLICA IDENTITY NOTHING',
    'no_replica_identity chat_message stops',
  ],
  'a replica identity without the key': [
    'ALTER TABLE $s.auth_user REPLICA IDENTITY USING INDEX auth_user_username_key',
    'no_replica_identity auth_user stops',
  ],
  'a replica identity of the whole row': ['ALTER TABLE $s.chat_message REPLICA IDENTITY FULL'],
  'a migration has not run': [
    `DELETE FROM $s.django_migrations WHERE app = 'chat'`,
    'half_migrated django_migrations stops',
  ],
  'a migration has run too early': [
    `INSERT INTO $s.django_migrations (app, name, applied) VALUES ('ai', '0002_next', now())`,
    'half_migrated django_migrations stops',
  ],
  'a table is unlogged': ['ALTER TABLE $s.files_chunk SET UNLOGGED', 'table_form files_chunk stops'],
  'a table is inherited from': [
    'CREATE TABLE $s.old_jobs () INHERITS ($s.ai_job)',
    'table_form ai_job stops',
  ],
  'a table is partitioned': [
    'DROP TABLE $s.django_session; CREATE TABLE $s.django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date timestamptz NOT NULL) PARTITION BY HASH (session_key)',
    'table_form django_session stops',
  ],
  'a table is a view': [
    'ALTER TABLE $s.django_session RENAME TO sessions; CREATE VIEW $s.django_session AS SELECT * FROM $s.sessions',
    'table_form django_session stops',
  ],
  'a column is generated': [
    `ALTER TABLE $s.chat_channel DROP COLUMN topic, ADD COLUMN topic text NOT NULL GENERATED ALWAYS AS ('about ' || name) STORED`,
    'column_generated chat_channel.topic stops',
  ],
  'ids are always generated': [
    'ALTER TABLE $s.files_file ALTER COLUMN id DROP DEFAULT; ALTER TABLE $s.files_file ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY',
    'column_generated files_file.id stops',
  ],
  'a sequence is not owned': [
    'ALTER SEQUENCE $s.ai_job_id_seq OWNED BY NONE',
    'sequence_not_owned ai_job.id stops',
  ],
  'a sequence is that of another schema': [
    `CREATE SEQUENCE public.shared_$s; ALTER TABLE $s.ai_job ALTER COLUMN id SET DEFAULT nextval('public.shared_$s')`,
    'sequence_elsewhere ai_job.id stops',
  ],
  'a foreign key is missing': [
    'ALTER TABLE $s.chat_message DROP CONSTRAINT chat_message_author_id_fk_auth_user_id',
    'other_reference chat_message stops',
  ],
  'a foreign key is too many': [
    'ALTER TABLE $s.files_file ADD COLUMN x integer; ALTER TABLE $s.files_file DROP COLUMN x, ADD FOREIGN KEY (id) REFERENCES $s.auth_user (id) NOT VALID',
    'other_reference files_file stops',
  ],
  'a foreign key leaves the schema': [
    'ALTER TABLE $s.ai_job DROP CONSTRAINT ai_job_user_id_fk_auth_user_id, ADD FOREIGN KEY (user_id) REFERENCES acme.auth_user (id) NOT VALID',
    'other_reference ai_job stops',
    'other_reference ai_job stops',
  ],
  'a foreign key deletes other rows': [
    'ALTER TABLE $s.files_chunk DROP CONSTRAINT files_chunk_file_id_fk_files_file_id, ADD FOREIGN KEY (file_id) REFERENCES $s.files_file (id)',
    'other_reference files_chunk noted',
  ],
  'a rule is too many': ['ALTER TABLE $s.ai_job ADD CHECK (prompt_tokens >= 0)', 'other_rule ai_job stops'],
  'a trigger': [
    'CREATE TRIGGER echo BEFORE UPDATE ON $s.ai_job FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'trigger ai_job noted',
  ],
  'rows are hidden': ['ALTER TABLE $s.ai_job ENABLE ROW LEVEL SECURITY', 'rows_hidden ai_job stops'],
  'the order is another': [
    'ALTER TABLE $s.ai_job RENAME COLUMN finished_at TO old; ALTER TABLE $s.ai_job ADD COLUMN finished_at timestamptz; ALTER TABLE $s.ai_job DROP COLUMN old; ALTER TABLE $s.ai_job RENAME COLUMN completion TO old; ALTER TABLE $s.ai_job ADD COLUMN completion text; ALTER TABLE $s.ai_job DROP COLUMN old',
    'other_order ai_job noted',
  ],
  'the schema is gone': ['DROP SCHEMA $s CASCADE', 'schema_missing  stops'],
  'the schema is in the other case': ['ALTER SCHEMA $s RENAME TO "$S"', 'schema_missing  stops'],
  'there is a second schema in the other case': ['CREATE SCHEMA "$S"', 'other_case  stops'],
  'there is a second table in the other case': [
    'CREATE TABLE $s."AI_Job" (id integer PRIMARY KEY)',
    'other_case AI_Job stops',
  ],
  'a name that no host can have': [
    `UPDATE public.tenants_tenant SET name = 'No Host' WHERE schema_name = '$s'`,
    'tenant_name  stops',
  ],
};
// The first tenants stay as they are.
const UNTOUCHED = 8;

let legacyUrl: string;
let legacy: pg.Client;
let database: StoreDatabase;
let drop: () => Promise<void>;
let schemas: readonly string[];
const read = (more: Partial<DriftWish> = {}) =>
  readDrift({ legacyUrl, storeUrl: database.appUrl, features: FEATURES, ...more });
const tell = ({ findings }: DriftReport, schema: string) =>
  findings
    .filter((one) => one.schema === schema && one.tenant !== undefined)
    .map(({ kind, place, weight }) => `${kind} ${place} ${weight}`)
    .toSorted();

beforeAll(async () => {
  const one = await createDatabase('legacy');
  [legacyUrl, drop] = [one.url, one.drop];
  await seed(legacyUrl, { tenants: UNTOUCHED + Object.keys(DRIFTS).length });
  database = await createStoreDatabase();
  legacy = await connect(legacyUrl);
  const { rows } = await legacy.query<{ schema_name: string }>(
    'SELECT schema_name FROM public.tenants_tenant ORDER BY id',
  );
  schemas = rows.map(({ schema_name }) => schema_name);
}, 60_000);
afterAll(async () => {
  await legacy.end();
  await drop();
  await database.drop();
});

test('a clean fleet has nothing to tell, and its mapping is total: every column of the store but the tenant', async () => {
  const report = await read();
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ tenants: schemas.length, tables: schemas.length * 7 });
  expect(report.mapping.map(({ feature }) => feature)).toEqual(['accounts', 'ai', 'chat', 'files']);
  expect(report.mapping[3]?.tables[1]).toEqual({
    source: 'files_chunk',
    target: 'files_chunk',
    key: ['file_id', 'seq'],
    columns: [
      { source: 'file_id', target: 'file_id', type: 'integer' },
      { source: 'seq', target: 'seq', type: 'integer' },
      { source: 'data', target: 'data', type: 'bytea' },
    ],
    added: 'tenant_id',
    refersTo: ['files_file'],
  });
  expect(describeDrift(report)).toEqual([
    `${schemas.length} tenants, ${schemas.length * 7} tables: ${schemas.length} can be moved, 0 cannot.`,
  ]);
});

test('a mapping that is not total or not unambiguous stops everybody', async () => {
  const report = await read({ features: { ...FEATURES, other: ['ai_job', 'nowhere', 'tenant'] } });
  expect(
    report.findings.filter(({ tenant }) => tenant === undefined).map(({ kind, place }) => `${kind} ${place}`),
  ).toEqual(['table_twice ai_job', 'table_unknown nowhere', 'table_unknown tenant']);
  expect(listStops(report, 1 as TenantId, ['ai_job'])).toHaveLength(1);
  expect(listStops(report, 1 as TenantId, ['chat_message'])).toEqual([]);
  expect(describeDrift(report)[0]).toMatch(/: 0 can be moved, /);
});

test('every planted drift is told of its own tenant only, with what to do', async () => {
  const places = Object.entries(DRIFTS).map(([title, drift], nr) => ({
    title,
    drift,
    schema: schemas[nr + UNTOUCHED] ?? 'none',
  }));
  for (const { schema, drift } of places)
    await legacy.query(drift[0].replaceAll('$S', schema.toUpperCase()).replaceAll('$s', schema));
  await legacy.query(
    'CREATE SCHEMA forgotten; CREATE TABLE forgotten.ai_job (id integer); CREATE SCHEMA tools; CREATE SCHEMA banyan',
  );
  const report = await read({ leftOut: ['ai_job.duration_ms', 'chat_channel.colour'] });
  const told = places.map(({ title, schema }) => [title, tell(report, schema)]);
  expect(told).toEqual(Object.entries(DRIFTS).map(([title, [, ...own]]) => [title, own.toSorted()]));
  for (const schema of schemas.slice(0, UNTOUCHED)) expect(tell(report, schema)).toEqual([]);

  const strays = report.findings.filter(({ kind }) => kind === 'schema_stray').map(({ schema }) => schema);
  expect(strays.filter((schema) => schema === schema.toLowerCase())).toEqual(['forgotten', 'tools']);
  for (const { sentence } of report.findings) expect(sentence).toMatch(/[.…]$/);

  const [missing, extra] = places;
  const idOf = (schema = '') => (schemas.indexOf(schema) + 1) as TenantId;
  expect(listStops(report, idOf(missing?.schema), ['files_file', 'files_chunk'])).toHaveLength(1);
  expect(listStops(report, idOf(missing?.schema), ['ai_job'])).toEqual([]);
  expect(listStops(report, idOf(extra?.schema), ['ai_job'])).toHaveLength(1);
  const lines = describeDrift(report);
  const stopped = new Set(
    report.findings.flatMap(({ weight, tenant }) => (weight === 'stops' && tenant ? [tenant.id] : [])),
  );
  expect(lines[0]).toContain(`${schemas.length - stopped.size} can be moved, ${stopped.size} cannot.`);
  expect(lines.findLastIndex((line) => line.startsWith('stops'))).toBeLessThan(
    lines.findIndex((line) => line.startsWith('note')),
  );
});

test('what may not be read is told before anything is tried; a database that is away is a sentence', async () => {
  await legacy.query(
    `CREATE ROLE drift_nobody LOGIN PASSWORD 'x'; GRANT SELECT ON public.tenants_tenant TO drift_nobody`,
  );
  const url = new URL(legacyUrl);
  [url.username, url.password] = ['drift_nobody', 'x'];
  const report = await read({ legacyUrl: url.href });
  await legacy.query('REVOKE ALL ON public.tenants_tenant FROM drift_nobody; DROP ROLE drift_nobody');
  expect(tell(report, 'acme')).toEqual(
    Object.values(FEATURES)
      .flat()
      .map((table) => `not_readable ${table} stops`)
      .toSorted(),
  );
  const away = read({ legacyUrl: 'postgres://nobody:secret@127.0.0.1:1/none' });
  await expect(away).rejects.toBeInstanceOf(VerifyTrouble);
  await expect(away).rejects.toThrow(/^Legacy's rows cannot be read at the moment/);
});
