import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CommandLineParts, runCommandLine, type Terminal } from '../../../src/operate/index.ts';
import { asSuperuser } from '../../support/database.ts';
import { hostileRows } from '../../support/hostile-rows.ts';
import { addTenant, createStoreDatabase, type StoreDatabase } from '../../support/store.ts';
import { dumpTenants, tenantPartsOf } from '../../support/tenants.ts';

let database: StoreDatabase;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenants-'));
  database = await createStoreDatabase();
  await addTenant(database, 1, 'acme');
  await asSuperuser(hostileRows(1, 1), database.superUrl);
});
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const ERASE = '\r\u001b[K';

type Ran = Readonly<{ code: number | null; out: Buffer; err: string }>;

const start = (argv: readonly string[]) =>
  spawn(process.execPath, ['bin/banyan.mjs', 'tenants', ...argv], {
    env: {
      ...process.env,
      DATABASE_OWNER_URL: database.ownerUrl,
      NODE_COMPILE_CACHE: resolvePath('node_modules/.cache/banyan-tests'),
    },
  });

/** The real command, in a process of its own. */
function banyanProcess(argv: readonly string[], input: Buffer | undefined = undefined): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = start(argv);
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (piece: Buffer) => out.push(piece));
    child.stderr.on('data', (piece: Buffer) => err.push(piece));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, out: Buffer.concat(out), err: Buffer.concat(err).toString() }),
    );
  });
}

/** The same in this process: into a pipe, with nobody there. */
const banyan = (argv: readonly string[]) => runHere(argv, { screen: undefined, ask: undefined });

/** With somebody at the keyboard. */
const atKeyboard = (argv: readonly string[], answer: string) =>
  runHere(argv, { screen: { columns: 100 }, ask: async () => answer });

async function runHere(
  argv: readonly string[],
  { screen, ask }: Pick<Terminal, 'screen' | 'ask'>,
): Promise<Ran> {
  let [out, err] = ['', ''];
  const parts = {
    tenants: tenantPartsOf(database.ownerUrl),
    version: '0',
  } satisfies Partial<CommandLineParts>;
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    screen,
    env: { NO_COLOR: '1' },
    ask:
      ask &&
      ((question: string) => {
        err += question;
        return ask(question);
      }),
  } as unknown as Terminal;
  const code = await runCommandLine(['tenants', ...argv], terminal, parts as unknown as CommandLineParts);
  return { code, out: Buffer.from(out), err };
}

const file = (name: string) => join(folder, name);
const parse = (ran: Ran) => JSON.parse(ran.out.toString());

describe('banyan tenants export', () => {
  test('writes a file, reads it back, and says so', async () => {
    const ran = await banyan(['export', 'acme', file('one.banyan')]);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out.toString()).toMatch(
      /^acme \(number 1\): 31 rows of 8 tables, [\d.]+ [KM]B, written to .*one\.banyan and read back\.\n$/,
    );
    expect(statSync(file('one.banyan')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).not.toContain('one.banyan.part');
  });

  test('compresses where the name ends in .gz; inside is the same', async () => {
    const ran = await banyan(['export', 'acme', file('two.banyan.gz'), '--json']);
    expect(parse(ran)).toMatchObject({
      tenant: { id: 1, name: 'acme' },
      rows: 31,
      file: file('two.banyan.gz'),
    });
    const [plain, packed] = [
      readFileSync(file('one.banyan')),
      gunzipSync(readFileSync(file('two.banyan.gz'))),
    ];
    expect(packed.toString().split('\n').slice(1, -2)).toEqual(plain.toString().split('\n').slice(1, -2));
    expect(statSync(file('two.banyan.gz')).size).toBeLessThan(plain.length / 4);
  });

  test('to stdout leaves nothing else there', async () => {
    const ran = await banyanProcess(['export', 'acme', '-']);
    expect([ran.code, ran.err]).toEqual([
      0,
      expect.stringMatching(/^acme \(number 1\): 31 rows of 8 tables, .*written\.\n$/),
    ]);
    expect(ran.out.toString().split('\n').slice(1, -2)).toEqual(
      readFileSync(file('one.banyan')).toString().split('\n').slice(1, -2),
    );
  });

  test('is no success where nobody reads it to its end', async () => {
    await asSuperuser(
      "BEGIN; SELECT set_config('banyan.tenant_id', '1', true); INSERT INTO files_chunk SELECT 1, 1, n, decode(repeat('0a', 500000), 'hex') FROM generate_series(10, 15) n; COMMIT",
      database.superUrl,
    );
    const child = start(['export', 'acme', '-']);
    child.stdout.once('data', () => child.stdout.destroy());
    const err: Buffer[] = [];
    child.stderr.on('data', (piece: Buffer) => err.push(piece));
    const code = await new Promise((resolve) => child.on('close', resolve));
    await asSuperuser('DELETE FROM files_chunk WHERE seq >= 10', database.superUrl);
    expect([code, Buffer.concat(err).toString()]).toEqual([
      1,
      'Whoever was to read stdout has gone. The export is not whole.\n',
    ]);
  });

  test('refuses what is there already, a folder that is not, and a tenant that is not, and leaves nothing', async () => {
    const before = readFileSync(file('one.banyan'));
    const there = await banyan(['export', 'acme', file('one.banyan')]);
    expect([there.code, there.err]).toEqual([
      1,
      `${file('one.banyan')} is there already. Name another file, or remove it.\n`,
    ]);
    expect(readFileSync(file('one.banyan'))).toEqual(before);
    const nowhere = await banyan(['export', 'acme', '/nowhere/x']);
    expect([nowhere.code, nowhere.err]).toEqual([
      1,
      '/nowhere/x cannot be written: there is no such file or folder.\n',
    ]);
    const unknown = await banyan(['export', 'nobody', file('nobody')]);
    expect([unknown.code, unknown.err]).toEqual([1, 'No tenant is named "nobody" in the new store.\n']);
    expect(readdirSync(folder).filter((name) => /nobody|part/.test(name))).toEqual([]);
    expect((await banyan(['export', 'acme'])).code).toBe(2);
    expect((await banyan(['export', 'ACME', file('x')])).code).toBe(2);
  });

  test('shows on a screen how far it is', async () => {
    const ran = await atKeyboard(['export', 'acme', file('screen.banyan')], '');
    expect(ran.err.split(ERASE)[1]).toMatch(/^acme: public\.\w+, \d+ rows, [\d.]+ K?B$/);
    expect(ran.err.endsWith(ERASE)).toBe(true);
    const out = await atKeyboard(['export', 'acme', '-'], '');
    expect([out.code, out.err]).toEqual([
      1,
      'An archive goes into a file or a pipe, not onto a terminal. Name a file.\n',
    ]);
  });
});

describe('banyan tenants delete and restore', () => {
  test('in a pipe a deletion wants the name twice', async () => {
    const before = await dumpTenants(database.superUrl);
    const silent = await banyanProcess(['delete', 'acme']);
    expect([silent.code, silent.err]).toEqual([
      1,
      'Nobody can be asked here whether acme is meant. Say so: --yes-delete acme\n',
    ]);
    const wrong = await banyan(['delete', 'acme', '--yes-delete', 'acne']);
    expect([wrong.code, wrong.err]).toEqual([
      1,
      '--yes-delete says "acne" and the command says acme. Nothing was deleted.\n',
    ]);
    expect(await dumpTenants(database.superUrl)).toEqual(before);
    const done = await banyanProcess(['delete', 'acme', '--yes-delete', 'acme']);
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out.toString()).toBe(
      'acme (number 1) is deleted: 31 rows of 8 tables. 0 API keys are revoked.\n',
    );
    const back = await banyan(['restore', file('two.banyan.gz')]);
    expect(back).toMatchObject({ code: 0, err: '' });
    expect(back.out.toString()).toMatch(
      /^acme \(number 1\) has 31 rows of 8 tables, as they were at 20\S+Z\. Read back, every count and hash agrees\.\n$/,
    );
    expect(await dumpTenants(database.superUrl)).toEqual(before);
  });

  test('at a keyboard a deletion asks for the name, and another answer leaves everything', async () => {
    const before = await dumpTenants(database.superUrl);
    const no = await atKeyboard(['delete', 'acme'], 'yes');
    expect([no.code, no.err]).toEqual([
      1,
      'acme (number 1) has 31 rows in 8 tables. There is no way back but an export.\nType its name to delete them: That is not its name. Nothing was deleted.\n',
    ]);
    expect(await dumpTenants(database.superUrl)).toEqual(before);
    const yes = await atKeyboard(['delete', 'acme'], 'acme');
    expect(yes.code).toBe(0);
    await atKeyboard(['restore', file('one.banyan')], '');
    expect(await dumpTenants(database.superUrl)).toEqual(before);
  });

  test('from stdin, packed or not, under another name', async () => {
    const packed = await banyanProcess(
      ['restore', '-', '--as', 'acme-packed', '--json'],
      readFileSync(file('two.banyan.gz')),
    );
    expect(parse(packed)).toMatchObject({
      tenant: { id: 1_000_000_000, name: 'acme-packed' },
      from: { id: 1, name: 'acme' },
      rows: 31,
    });
    const plain = await banyanProcess(
      ['restore', '-', '--as', 'acme-plain'],
      readFileSync(file('one.banyan')),
    );
    expect(plain.out.toString()).toMatch(
      /^acme-plain \(number 1000000001\) has 31 rows of 8 tables, those of acme \(number 1\), as/,
    );
    const listed = await banyan(['list']);
    expect(
      listed.out
        .toString()
        .split('\n')
        .map((line) => line.split('\t').slice(0, 2).join(' ')),
    ).toEqual(['acme 1', 'acme-packed 1000000000', 'acme-plain 1000000001', '']);
    expect(parse(await banyan(['list', '--json'])).tenants[0]).toMatchObject({
      name: 'acme',
      state: 'here',
      follows: null,
    });
    for (const name of ['acme-packed', 'acme-plain']) await banyan(['delete', name, '--yes-delete', name]);
  });

  test.each([
    ['cut off', (packed: Buffer) => packed.subarray(0, packed.length - 9)],
    ['cut in half', (packed: Buffer) => packed.subarray(0, packed.length / 2)],
    ['changed', (packed: Buffer) => Buffer.from(packed.map((byte, at) => (at === 3_000 ? byte ^ 4 : byte)))],
    ['followed by something', (packed: Buffer) => Buffer.concat([packed, Buffer.from('something')])],
    ['followed by another', (packed: Buffer) => Buffer.concat([packed, packed])],
    ['packed twice', (packed: Buffer) => gzipSync(packed)],
  ])('a packed archive that is %s is refused whole', async (name, damage) => {
    writeFileSync(file('damaged.gz'), damage(readFileSync(file('two.banyan.gz'))));
    const before = await dumpTenants(database.superUrl);
    const ran = await banyan(['restore', file('damaged.gz'), '--as', 'damaged']);
    expect([name, ran.code, ran.out.toString()]).toEqual([name, 1, '']);
    expect(ran.err).toMatch(/damaged|cut off|after the end|no archive/);
    expect(await dumpTenants(database.superUrl)).toEqual(before);
  });

  test('a file that is not there, a folder, and a tenant that is there are refused in one sentence', async () => {
    const nowhere = await banyan(['restore', '/nowhere/x']);
    expect([nowhere.code, nowhere.err]).toEqual([
      1,
      '/nowhere/x cannot be read: there is no such file or folder.\n',
    ]);
    const isFolder = await banyan(['restore', folder]);
    expect([isFolder.code, isFolder.err]).toEqual([1, `${folder} cannot be read (EISDIR).\n`]);
    const there = await banyan(['restore', file('one.banyan'), '--json']);
    expect(there.code).toBe(1);
    expect(JSON.parse(there.err).error).toMatch(/^acme is here already, with rows in public\.auth_user\./);
    expect(existsSync(file('x'))).toBe(false);
  });
});
