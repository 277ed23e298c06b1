import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTagKeysText } from '../../src/admit/index.ts';
import { runBanyan, untilPrinted } from '../support/banyan-process.ts';
import { freePort } from '../support/free-port.ts';
import { createStoreDatabase, type StoreDatabase } from '../support/store.ts';

const folder = mkdtempSync(join(tmpdir(), 'banyan-start-'));
let store: StoreDatabase;
let squatter: Server;
let takenPort = '';
let good: Record<string, string> = {};
beforeAll(async () => {
  copyFileSync('routes.config.yaml', join(folder, 'routes.config.yaml'));
  store = await createStoreDatabase();
  takenPort = String(await freePort());
  squatter = createServer().listen(Number(takenPort), '127.0.0.1');
  good = {
    PORT: String(await freePort()),
    ADMIN_PORT: String(await freePort()),
    DATABASE_URL: store.appUrl,
    LEGACY_URL: `http://127.0.0.1:${await freePort()}`,
    BANYAN_ADMIN_TOKEN: 'a-token-of-the-tests',
    BANYAN_CONFIG: join(folder, 'routes.config.yaml'),
    TAG_SIGNING_KEYS: createTagKeysText(),
  };
});
afterAll(async () => {
  squatter.close();
  await store.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function refuse(argv: readonly string[], env: Record<string, string>): Promise<string> {
  const banyan = runBanyan(argv, env);
  expect(await banyan.exited).toBe(1);
  expect(banyan.err()).not.toMatch(/\n\s+at |node:internal|Error:/);
  return banyan.err().trim();
}

describe('banyan serve', () => {
  test('settings: every mistake at once, each with its name and what it should be', async () => {
    const said = await refuse(['serve'], {
      PORT: '70000',
      LOG_LEVEL: 'loud',
      UNLEASH_URL: 'http://u:4242/api',
      LEGACY_URLS: 'http://x',
    });
    expect(said.split('\n')).toHaveLength(7);
    for (const name of [
      'PORT',
      'LOG_LEVEL',
      'LEGACY_URLS',
      'DATABASE_URL',
      'LEGACY_URL',
      'BANYAN_ADMIN_TOKEN',
      'TAG_SIGNING_KEYS',
    ])
      expect(said).toContain(name);
    expect(said).toContain('Did you mean LEGACY_URL?');
  });

  test('a secret is never repeated in the complaint about it', async () => {
    expect(await refuse(['serve'], { ...good, DATABASE_URL: 'mysql://root:hunter2@db/x' })).not.toContain(
      'hunter2',
    );
    expect(
      await refuse(['serve'], { ...good, TAG_SIGNING_KEYS: '{"keys":[{"d":"hunter2"}]}' }),
    ).not.toContain('hunter2');
  });

  test.each([['PORT'], ['ADMIN_PORT']])(
    '%s is taken: the port, and the setting that chooses another',
    async (setting) => {
      const said = await refuse(['serve'], { ...good, [setting]: takenPort });
      expect(said).toContain(`Port ${takenPort} on 127.0.0.1 is taken.`);
      expect(said).toContain(setting);
      expect(said.split('\n')).toHaveLength(1);
    },
  );

  test('the database cannot be reached: where, why, and no password', async () => {
    const said = await refuse(['serve'], {
      ...good,
      DATABASE_URL: `postgresql://banyan_app:hunter2@127.0.0.1:${await freePort()}/banyan`,
    });
    expect(said).toMatch(/cannot be reached .*DATABASE_URL/);
    expect(said).not.toContain('hunter2');
  });

  test('the store is opened as its owner: refused, since the fences would not hold', async () => {
    expect(await refuse(['serve'], { ...good, DATABASE_URL: store.ownerUrl })).toMatch(/own/i);
  });

  test('the table is bad or missing: file, line, column and remedy', async () => {
    const bad = join(folder, 'bad.yaml');
    writeFileSync(bad, 'version: 1\nrutes: []\n');
    expect(await refuse(['serve'], { ...good, BANYAN_CONFIG: bad })).toMatch(/bad\.yaml:2:1: .*routes/);
    expect(await refuse(['serve'], { ...good, BANYAN_CONFIG: join(folder, 'none.yaml') })).toContain(
      'none.yaml',
    );
  });

  test('legacy is down: the gateway runs, says that it is not ready and why, and answers in its own words', async () => {
    const banyan = runBanyan(['serve'], good);
    await untilPrinted(banyan, '"door":"gateway"');
    await untilPrinted(banyan, '"part":"legacy","state":"not_ready"');
    const ready = await fetch(`http://127.0.0.1:${good.ADMIN_PORT}/readyz`);
    expect([ready.status, JSON.stringify(await ready.json())]).toEqual([
      503,
      expect.stringContaining('LEGACY_URL'),
    ]);
    const answer = await fetch(`http://127.0.0.1:${good.PORT}/anything`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'legacy_unreachable', blame: 'legacy', retry_safe: true }),
    ]);
    const demoKey = await fetch(`http://127.0.0.1:${good.PORT}/api/ai/jobs/`, {
      headers: { authorization: 'Bearer byn_demo_acme' },
    });
    expect(demoKey.status).toBe(401);
    banyan.child.kill('SIGTERM');
    expect(await banyan.exited).toBe(0);
  });
});

describe('npm start', () => {
  test.each([['PORT'], ['ADMIN_PORT'], ['LEGACY_PORT'], ['EMBEDDED_PG_PORT']])(
    '%s is taken: one sentence with the way out',
    async (setting) => {
      const ports = {
        PORT: String(await freePort()),
        ADMIN_PORT: String(await freePort()),
        LEGACY_PORT: String(await freePort()),
        EMBEDDED_PG_PORT: String(await freePort()),
      };
      const said = await refuse(['demo'], {
        ...ports,
        [setting]: takenPort,
        BANYAN_DATA_DIR: join(folder, '.banyan'),
      });
      expect(said).toBe(
        `Port ${takenPort} is taken. Stop what listens there, or start with another one: ${setting}=${Number(takenPort) + 1} npm start`,
      );
    },
  );
});
