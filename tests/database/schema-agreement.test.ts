import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createStoreDatabase, type StoreDatabase } from '../support/store.ts';

// schema.prisma is for types and queries, the migrations make the tables. This reads both and lays them side by side.

type Column = Readonly<{ name: string; type: string; nullable: boolean; hasDefault: boolean }>;
type Key = Readonly<{
  kind: 'primary' | 'unique' | 'index' | 'foreign';
  name: string;
  columns: readonly string[];
  target?: string;
}>;
type Table = Readonly<{ columns: readonly Column[]; keys: readonly Key[] }>;
type Tables = Readonly<Record<string, Table>>;

const PLAIN_TYPES: Readonly<Record<string, string>> = {
  Int: 'integer',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Float: 'double precision',
  String: 'text',
  Bytes: 'bytea',
};

let database: StoreDatabase;
beforeAll(async () => {
  database = await createStoreDatabase();
});
afterAll(() => database.drop());

test('schema.prisma and the database have the same tables, columns, types, defaults and keys', async () => {
  const schema = parseSchema(readFileSync(join(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8'));
  const catalog = await readCatalog();
  expect(Object.keys(schema).toSorted()).toEqual(Object.keys(catalog).toSorted());
  for (const [name, table] of Object.entries(catalog))
    expect({ [name]: schema[name] }).toEqual({ [name]: table });
});

test('the reading of schema.prisma notices every kind of drift', () => {
  const text = readFileSync(join(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8');
  const drifts: readonly [string, string][] = [
    ['@db.VarChar(60)', '@db.VarChar(61)'],
    ['completion       String?', 'completion       String'],
    ['/// jsonb', '/// json'],
    ['@@id([tenantId, fileId, seq])', '@@id([fileId, tenantId, seq])'],
    ['onDelete: Cascade', 'onDelete: NoAction'],
    ['@@index([tenantId, userId], map: "ai_job_user_idx")', ''],
    ['  topic       String\n', ''],
  ];
  for (const [from, to] of drifts) {
    expect(text).toContain(from);
    expect(parseSchema(text.replace(from, to))).not.toEqual(parseSchema(text));
  }
});

function parseSchema(text: string): Tables {
  const models = [...text.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, name = '', body = '']) => ({
    name,
    body,
  }));
  const tableOf = new Map(models.map(({ name, body }) => [name, /@@map\("(\w+)"\)/.exec(body)?.[1] ?? name]));
  return Object.fromEntries(
    models.map(({ name, body }) => [tableOf.get(name), parseModel(body, tableOf, String(tableOf.get(name)))]),
  );
}

function parseModel(body: string, tableOf: ReadonlyMap<string, string>, table: string): Table {
  const columnOf = new Map<string, string>();
  const columns: Column[] = [];
  const keys: Key[] = [];
  let realType: string | undefined;
  const named = (list: string) => list.split(',').map((field) => columnOf.get(field.trim()) ?? field.trim());
  const lines = body.split('\n').map((line) => line.trim());
  for (const line of lines) {
    const [, field = '', type = '', list, optional] = /^(\w+)\s+(\w+)(\[\])?(\?)?/.exec(line) ?? [];
    if (line.startsWith('///')) realType = line.slice(3).trim();
    if (!field || list || tableOf.has(type)) continue;
    const name = /@map\("(\w+)"\)/.exec(line)?.[1] ?? field;
    columnOf.set(field, name);
    columns.push({
      name,
      type: realType ?? nativeType(line, type),
      nullable: optional === '?',
      hasDefault: line.includes('@default('),
    });
    if (/@id\b/.test(line)) keys.push({ kind: 'primary', name: `${table}_pkey`, columns: [name] });
    const unique = /@unique\(map: "(\w+)"\)/.exec(line)?.[1];
    if (unique) keys.push({ kind: 'unique', name: unique, columns: [name] });
    realType = undefined;
  }
  for (const line of lines) {
    const [, kind = '', fields = '', name] =
      /^@@(id|unique|index)\(\[([^\]]+)\](?:, map: "(\w+)")?\)/.exec(line) ?? [];
    if (kind === 'id') keys.push({ kind: 'primary', name: `${table}_pkey`, columns: named(fields) });
    if (kind === 'unique' || kind === 'index')
      keys.push({ kind, name: String(name), columns: named(fields) });
    const relation =
      /^\w+\s+(\w+)\s+@relation\(fields: \[([^\]]+)\], references: \[([^\]]+)\], onDelete: (\w+), onUpdate: NoAction, map: "(\w+)"\)/.exec(
        line,
      );
    if (relation) {
      const [, model = '', from = '', to = '', onDelete, constraint = ''] = relation;
      keys.push({
        kind: 'foreign',
        name: constraint,
        columns: named(from),
        target: `${tableOf.get(model)}(${snake(to)}) ${onDelete}`,
      });
    }
  }
  return { columns: columns.toSorted(byName), keys: keys.toSorted(byName) };
}

function nativeType(line: string, type: string): string {
  const [, native, size] = /@db\.(\w+)(?:\(([\d, ]+)\))?/.exec(line) ?? [];
  if (native === 'VarChar') return `character varying(${size})`;
  if (native === 'Char') return `character(${size})`;
  if (native === 'Decimal') return `numeric(${size?.replaceAll(' ', '')})`;
  return PLAIN_TYPES[type] ?? `unknown ${type}`;
}

const snake = (fields: string) =>
  fields.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll(', ', ',');
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

async function readCatalog(): Promise<Tables> {
  const client = new pg.Client({ connectionString: database.ownerUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ oid: number; name: string }>(
      `SELECT oid, relname AS name FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> '_prisma_migrations'`,
    );
    const entries: [string, Table][] = [];
    for (const { oid, name } of tables)
      entries.push([name, { columns: await readColumns(client, oid), keys: await readKeys(client, oid) }]);
    return Object.fromEntries(entries);
  } finally {
    await client.end();
  }
}

async function readColumns(client: pg.Client, oid: number): Promise<readonly Column[]> {
  const { rows } = await client.query<Column>(
    `SELECT attname AS name, replace(format_type(atttypid, atttypmod), 'timestamp with time zone', 'timestamptz') AS type,
       NOT attnotnull AS nullable, atthasdef AS "hasDefault"
     FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`,
    [oid],
  );
  return rows.toSorted(byName);
}

async function readKeys(client: pg.Client, oid: number): Promise<readonly Key[]> {
  const { rows: indexes } = await client.query<Key>(
    `SELECT CASE WHEN indisprimary THEN 'primary' WHEN indisunique THEN 'unique' ELSE 'index' END AS kind, c.relname AS name,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int[]) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o) AS columns
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1`,
    [oid],
  );
  const { rows: foreign } = await client.query<Key>(
    `SELECT 'foreign' AS kind, conname AS name,
       ARRAY(SELECT a.attname::text FROM unnest(conkey) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.n ORDER BY k.o) AS columns,
       (SELECT relname FROM pg_class WHERE oid = confrelid) || '(' || array_to_string(
         ARRAY(SELECT a.attname::text FROM unnest(confkey) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.n ORDER BY k.o), ',') || ') ' ||
         CASE confdeltype WHEN 'c' THEN 'Cascade' WHEN 'a' THEN 'NoAction' ELSE confdeltype::text END AS target
     FROM pg_constraint WHERE conrelid = $1 AND contype = 'f' AND conparentid = 0`,
    [oid],
  );
  return [...indexes, ...foreign].toSorted(byName);
}
