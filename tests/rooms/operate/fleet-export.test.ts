import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { exportFleet } from '../../../src/operate/command-line/fleet-export.ts';
import type { TenantParts, Terminal } from '../../../src/operate/index.ts';
import type { TenantId, TenantName } from '../../../src/vocabulary/index.ts';
import { NO_TENANTS } from '../../support/tenants.ts';

const NAMES = ['acme', 'globex', 'initech'] as const;
const TERMINAL = { screen: undefined } as unknown as Terminal;

let folder: string;
let exported: string[];
let at: Date;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fleet-'));
  [exported, at] = [[], new Date()];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Archives that hold nothing but their tenant's name and when they were made. */
const parts: TenantParts = {
  ...NO_TENANTS,
  list: async () =>
    NAMES.map((name, index) => ({
      id: (index + 1) as TenantId,
      name: name as TenantName,
      createdAt: '',
      state: 'here',
      partition: 'shared',
      slot: undefined,
      ownedByNew: [],
    })),
  async *export(tenant) {
    exported.push(tenant);
    yield Buffer.from(JSON.stringify({ name: tenant, exportedAt: at.toISOString() }));
  },
  async check(archive) {
    const pieces: Buffer[] = [];
    for await (const piece of archive) pieces.push(piece);
    const { name, exportedAt } = JSON.parse(Buffer.concat(pieces).toString());
    const tenant = { id: 1 as TenantId, name };
    return { header: { tenant, exportedAt }, footer: { tables: [], sha256: '' } };
  },
};

const run = (more: Partial<TenantParts> = {}, names: readonly string[] = NAMES) =>
  exportFleet(
    TERMINAL,
    { ...parts, ...more },
    {
      feature: 'ai',
      tables: ['ai_job'],
      directory: join(folder, 'deep', 'ai'),
      tenants: names.map((tenant, index) => ({ id: index + 1, tenant })),
    },
  );
const listFiles = () => readdirSync(join(folder, 'deep', 'ai')).toSorted();

test('an attempt that breaks off leaves what is whole, and no manifest; the next one makes the rest', async () => {
  const breaking: TenantParts['export'] = async function* (tenant, heard) {
    if (tenant === 'initech') throw new Error('The connection to the new store was lost.');
    yield* parts.export(tenant, heard);
  };
  await expect(run({ export: breaking })).rejects.toThrow('The connection to the new store was lost.');
  expect(listFiles()).toEqual(['acme.banyan.gz', 'globex.banyan.gz']);
  expect(await run()).toMatchObject({ tenants: 3, made: 1, kept: 2 });
  expect(exported).toEqual(['acme', 'globex', 'initech']);
  expect(listFiles()).toContain('manifest.json');
});

test('only the owner may read what is kept', async () => {
  await run();
  const modes = listFiles().map((file) => statSync(join(folder, 'deep', 'ai', file)).mode & 0o777);
  expect(new Set(modes)).toEqual(new Set([0o600]));
  expect(JSON.parse(readFileSync(join(folder, 'deep', 'ai', 'manifest.json'), 'utf8'))).toMatchObject({
    feature: 'ai',
    archives: [{ file: 'acme.banyan.gz' }, { file: 'globex.banyan.gz' }, { file: 'initech.banyan.gz' }],
  });
});

test('nothing is written where there is less room than the tables take', async () => {
  await expect(run({ bytes: async () => 1e18 })).rejects.toThrow(
    /has .* free, and the tenants' tables have 1000000 TB/,
  );
  expect([exported, listFiles()]).toEqual([[], []]);
});

test('a store that is another one than the gateway’s is told by its tenants', async () => {
  await expect(run({}, ['acme', 'umbrella'])).rejects.toThrow(
    "does not know umbrella as number 2: it is not the gateway's",
  );
  expect(existsSync(join(folder, 'deep'))).toBe(false);
});

test('an archive of the day before yesterday is not taken for a fresh one', async () => {
  at = new Date(Date.now() - 48 * 3_600_000);
  await run();
  await expect(run()).rejects.toThrow(/acme\.banyan\.gz is of .*, older than a day/);
});
