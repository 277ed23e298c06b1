import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkArchive, exportTenant, StoreRefusal } from '../../src/store/index.ts';
import { asSuperuser } from '../support/database.ts';
import { hostileRows } from '../support/hostile-rows.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../support/store.ts';
import { cut, dumpTenants, exportWhole, named, restoreWhole } from '../support/tenants.ts';

let database: StoreDatabase;
let archive: Buffer;
let before: Awaited<ReturnType<typeof dumpTenants>>;
beforeAll(async () => {
  database = await createStoreDatabase();
  await addTenant(database, 1, 'acme');
  await asSuperuser(hostileRows(1, 1), database.superUrl);
  archive = await exportWhole(database.ownerUrl, 'acme');
  before = await dumpTenants(database.superUrl);
});
afterAll(() => database.drop());

const text = () => archive.toString('latin1');
const bytes = (changed: string) => Buffer.from(changed, 'latin1');
const replace = (from: string | RegExp, to: string) => {
  const changed = text().replace(from, to);
  expect(changed).not.toBe(text());
  return bytes(changed);
};
const lineOf = (start: string) =>
  text()
    .split('\n')
    .findIndex((line) => line.startsWith(start));
const withLines = (change: (lines: string[]) => void) => {
  const lines = text().split('\n');
  change(lines);
  return bytes(lines.join('\n'));
};

/** The footer made anew, as if whoever changed the rows knew the format: what is left to find are rows that do not fit the store. */
function resum(changed: Buffer): Buffer {
  const lines = changed.toString('latin1').split('\n');
  const footer = JSON.parse(lines.at(-2) ?? '') as {
    end: { tables: { name: string; rows: number; sha256: string }[]; sha256: string };
  };
  for (const table of footer.end.tables) {
    const from = lines.indexOf(JSON.stringify({ table: table.name })) + 1;
    const rows = lines.slice(from, lines.indexOf('\\.', from)).map((line) => `${line}\n`);
    table.rows = rows.length;
    table.sha256 = createHash('sha256').update(rows.join(''), 'latin1').digest('hex');
  }
  const head = lines
    .slice(0, -2)
    .map((line) => `${line}\n`)
    .join('');
  footer.end.sha256 = createHash('sha256').update(head, 'latin1').digest('hex');
  return bytes(`${head}${JSON.stringify(footer)}\n`);
}

const DAMAGES: readonly (readonly [string, () => Buffer, RegExp])[] = [
  ['an empty file', () => Buffer.alloc(0), /no archive/],
  ['a picture', () => Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]), /no archive/],
  ['a dump of pg_dump', () => bytes('--\n-- PostgreSQL database dump\n--\n'), /no archive/],
  ['another JSON file', () => bytes('{"name":"banyan"}\n'), /no archive/],
  ['a first line that never ends', () => Buffer.alloc(20_000_000, 'x'), /no archive/],
  ['a newer format', () => replace('"version":1', '"version":2'), /version 2/],
  ['a tenant that cannot be', () => replace('"name":"acme"', '"name":"AC ME"'), /first line/],
  ['another tenant', () => replace('"name":"acme"', '"name":"acmf"'), /damaged between its tables/],
  [
    'two columns that changed places',
    () => replace(/(\{"name":"first_name"[^}]*\}),(\{"name":"last_name"[^}]*\})/, '$2,$1'),
    /damaged between/,
  ],
  ['cut off in the first line', () => archive.subarray(0, 100), /no archive/],
  ['cut off in the middle of a row', () => archive.subarray(0, Math.floor(archive.length / 2)), /cut off/],
  ['cut off at the end of a table', () => bytes(text().slice(0, text().indexOf('\n\\.\n') + 4)), /cut off/],
  ['cut off in the last line', () => archive.subarray(0, archive.length - 20), /cut off/],
  ['without its last byte', () => archive.subarray(0, archive.length - 1), /cut off/],
  ['a bit that tipped in a row', () => replace('spaces kept', 'spaces keqt'), /rows of public\.chat_message/],
  [
    'a number that changed',
    () => replace('9007199254740993', '9007199254740992'),
    /rows of public\.files_file/,
  ],
  [
    'a row left out',
    () => withLines((lines) => lines.splice(lineOf('{"table":"public.auth_user"}') + 2, 1)),
    /rows of public\.(auth_user|ai_job)/,
  ],
  [
    'a row twice',
    () =>
      withLines((lines) =>
        lines.splice(
          lineOf('{"table":"public.auth_user"}') + 2,
          0,
          lines[lineOf('{"table":"public.auth_user"}') + 2] ?? '',
        ),
      ),
    /./,
  ],
  [
    'two rows that changed places',
    () =>
      withLines((lines) =>
        lines.splice(
          lineOf('{"table":"public.files_file"}') + 1,
          2,
          lines[lineOf('{"table":"public.files_file"}') + 2] ?? '',
          lines[lineOf('{"table":"public.files_file"}') + 1] ?? '',
        ),
      ),
    /rows of public\.files_file/,
  ],
  [
    'a table left out',
    () => withLines((lines) => lines.splice(lineOf('{"table":"public.files_chunk"}'), 5)),
    /where the rows of public\.files_chunk should begin/,
  ],
  ['line ends as Windows has them', () => bytes(text().replaceAll('\n', '\r\n')), /./],
  ['a count that changed in the last line', () => replace(/"rows":7/, '"rows":8'), /rows of public\.ai_job/],
  ['a hash that changed in the last line', () => replace(/"sha256":"."*/, '"sha256":"x'), /damaged/],
  ['something behind the end', () => Buffer.concat([archive, bytes('\n')]), /after the end/],
  ['two archives in one', () => Buffer.concat([archive, archive]), /after the end/],
  [
    'a user missing, all sums made anew',
    () => resum(withLines((lines) => lines.splice(lineOf('{"table":"public.auth_user"}') + 2, 1))),
    /auth_user|foreign key/i,
  ],
  [
    'a value that the column does not take, all sums made anew',
    () => resum(replace('9007199254740993', 'many')),
    /bigint/,
  ],
  [
    'a row twice, all sums made anew',
    () =>
      resum(
        withLines((lines) =>
          lines.splice(
            lineOf('{"table":"public.files_file"}') + 1,
            0,
            lines[lineOf('{"table":"public.files_file"}') + 1] ?? '',
          ),
        ),
      ),
    /files_file/,
  ],
  [
    'a scale that the column cuts, all sums made anew',
    () => resum(replace('123456.7891', '123456.78914')),
    /ai_job is not what the archive says/,
  ],
  [
    'a table of the gateway’s own, all sums made anew',
    () => resum(bytes(text().replaceAll('banyan.id_counter', 'banyan.row_standing'))),
    /no table banyan\.row_standing/,
  ],
];

describe('an archive is refused, and nothing of it stays', () => {
  test.each(DAMAGES)('%s', async (_, damage, sentence) => {
    const damaged = damage();
    const failed = restoreWhole(database.ownerUrl, damaged, 'other', 10_000);
    await expect(failed).rejects.toBeInstanceOf(StoreRefusal);
    await expect(failed).rejects.toThrow(sentence);
    expect(await dumpTenants(database.superUrl)).toEqual(before);
    await expect(exportWhole(database.ownerUrl, 'other')).rejects.toThrow('No tenant is named');
  });

  test('wherever it is cut off', async () => {
    for (let at = 0; at < archive.length; at += Math.ceil(archive.length / 200))
      await expect(checkArchive(cut(archive.subarray(0, at), 4_096))).rejects.toBeInstanceOf(StoreRefusal);
    await expect(checkArchive(cut(archive, 4_096))).resolves.toMatchObject({
      header: { tenant: { name: 'acme' } },
    });
  });

  test('whichever byte is changed', async () => {
    for (let nr = 0; nr < 200; nr += 1) {
      const changed = Buffer.from(archive);
      const at = Math.floor((archive.length * (nr + 0.5)) / 200);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(checkArchive(cut(changed, 4_096))).rejects.toBeInstanceOf(StoreRefusal);
    }
  });
});

describe('a restoring is refused', () => {
  test('where the tenant is, with rows', async () => {
    await expect(restoreWhole(database.ownerUrl, archive)).rejects.toThrow(
      'acme is here already, with rows in public.auth_user. Restore it under another name (--as NAME), or delete it first: banyan tenants delete acme',
    );
  });

  test('where its number is somebody else’s, unless it may have another', async () => {
    const other = await createStoreDatabase();
    await addTenant(other, 1, 'globex');
    await expect(restoreWhole(other.ownerUrl, archive)).rejects.toThrow(
      "acme has the number 1, which is globex's here. Restore it under a number of its own: --as acme",
    );
    const { tenant } = await restoreWhole(other.ownerUrl, archive, 'acme');
    expect(tenant.id).toBe(1_000_000_000);
    await other.drop();
  });

  test('where a tenant that was registered follows legacy', async () => {
    const other = await createStoreDatabase();
    await addTenant(other, 1, 'acme');
    await asSuperuser(
      `INSERT INTO banyan.follow_position VALUES ('s', '0/1', '0/1'); INSERT INTO banyan.followed_tenant VALUES (1, 's', '0/1')`,
      other.superUrl,
    );
    await expect(restoreWhole(other.ownerUrl, archive)).rejects.toThrow(/acme follows legacy's rows/);
    await asSuperuser('DELETE FROM banyan.followed_tenant', other.superUrl);
    await expect(restoreWhole(other.ownerUrl, archive)).resolves.toMatchObject({
      tenant: { id: 1, name: 'acme' },
    });
    await other.drop();
  });

  test('where tables, columns or types do not fit, naming each and what helps', async () => {
    const other = await createStoreDatabase();
    await asSuperuser(
      `ALTER TABLE chat_message DROP COLUMN metadata; ALTER TABLE ai_job ALTER COLUMN prompt_tokens TYPE bigint;
       ALTER TABLE files_file ADD COLUMN owner text NOT NULL; ALTER TABLE auth_user ADD COLUMN note text, ADD COLUMN rank int NOT NULL DEFAULT 1;
       DROP TABLE files_chunk`,
      other.ownerUrl,
    );
    const failed = await restoreWhole(other.ownerUrl, archive).catch((error: unknown) => error);
    expect((failed as StoreRefusal).findings).toEqual([
      'public.ai_job.prompt_tokens is bigint in the store and integer in the archive.',
      "The archive's public.files_file has no owner, which the store needs for each row.",
      "The store's public.chat_message has no column metadata.",
      'The store has no table public.files_chunk.',
      expect.stringMatching(
        /^The archive was written at the migration 2026\d+_\w+: restore it into a store that is there/,
      ),
    ]);
    await other.drop();
  });

  test('not where the store has more that fills itself, or longer columns', async () => {
    const other = await createStoreDatabase();
    await asSuperuser(
      'ALTER TABLE auth_user ADD COLUMN note text, ADD COLUMN rank int NOT NULL DEFAULT 1, ALTER COLUMN username TYPE varchar(200)',
      other.ownerUrl,
    );
    const { rows } = await restoreWhole(other.ownerUrl, archive);
    expect(rows).toBe(31);
    await other.drop();
  });
});

test('an unknown tenant, and a database that cannot be had, are said in one sentence', async () => {
  await expect(exportWhole(database.ownerUrl, 'nobody')).rejects.toThrow(
    'No tenant is named "nobody" in the new store.',
  );
  const wrong = exportTenant({ ownerUrl: 'postgresql://x@127.0.0.1:1/y', tenant: named('acme') });
  await expect(wrong.next()).rejects.toThrow(/cannot be reached.*DATABASE_OWNER_URL/);
});
