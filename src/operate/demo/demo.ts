import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Emit } from '../../vocabulary/index.ts';
import { printNews, printWelcome } from './banner.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { type LegacyStub, seedLegacy, startLegacyStub } from './legacy-child.ts';
import { findDataFolder, markOf } from './open-ground.ts';
import { checkPortIsFree } from './port-check.ts';
import { keepSecret } from './secrets.ts';

export type DemoWish = Readonly<{
  /** Begins anew: the data of earlier demos are deleted. */
  isFresh: boolean;
  tenants: number;
  dataDir: string;
  tableFile: string;
  ports: Readonly<{ gateway: number; admin: number; legacy: number; postgres: number }>;
  /** Parts that are there already and are not embedded. */
  databaseUrl: string | undefined;
  legacyUrl: string | undefined;
  legacyDatabaseUrl: string | undefined;
  adminToken: string | undefined;
  say: (line: string) => void;
}>;

/** What the demo is handed in: the rooms that know databases and keys, and the house itself. */
export type DemoHouse = Readonly<{
  prepareDatabase(
    superuserUrl: string,
    wish: Readonly<{ database: string; ownerPassword: string; appPassword: string }>,
  ): Promise<Readonly<{ ownerUrl: string; appUrl: string }>>;
  migrateStore(ownerUrl: string): Promise<readonly string[]>;
  copyDemoRows(wish: Readonly<{ legacyUrl: string; ownerUrl: string }>): Promise<unknown>;
  createTagKeys(): string;
  open(
    parts: Readonly<{ databaseUrl: string; legacyUrl: string; adminToken: string; tagKeys: string }>,
  ): Promise<DemoDoors>;
}>;

type DemoDoors = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  subscribe(listener: Emit): unknown;
  close(signal: string): Promise<unknown>;
}>;

export type Demo = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  adminToken: string;
  close(signal: string): Promise<void>;
}>;

const LOCAL = '127.0.0.1';

/** The whole system on real parts, in the order in which they need each other; closing goes the other way. */
export async function startDemo(wish: DemoWish, house: DemoHouse): Promise<Demo> {
  const beganMs = performance.now();
  const folder = openFolder(wish);
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    for (const close of closers.reverse()) await close();
  };
  try {
    await checkPorts(wish);
    const postgres = await startDatabase(wish, folder, closers);
    const legacyDatabaseUrl = wish.legacyDatabaseUrl ?? postgres?.url('legacy');
    const adminUrl = `http://${LOCAL}:${wish.ports.admin}`;
    const legacy = await startLegacy(wish, folder, legacyDatabaseUrl, adminUrl, closers);
    const databaseUrl = wish.databaseUrl ?? (await fillStore(wish, house, postgres, legacyDatabaseUrl));
    const adminToken = wish.adminToken ?? keepSecret(join(folder, 'admin-token'));
    const tagKeys = keepSecret(join(folder, 'tag-keys.json'), house.createTagKeys);
    const opened = await house.open({ databaseUrl, legacyUrl: legacy.url, adminToken, tagKeys });
    printWelcome(wish.say, {
      ...opened,
      legacyUrl: legacy.url,
      adminToken,
      dataDir: wish.dataDir,
      tableFile: wish.tableFile,
      tenants: wish.tenants,
      tookMs: performance.now() - beganMs,
    });
    opened.subscribe((event) => printNews(wish.say, event));
    const close = async (signal: string) => {
      await opened.close(signal);
      await closeAll();
    };
    return { gatewayUrl: opened.gatewayUrl, adminUrl: opened.adminUrl, adminToken, close };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function openFolder({ dataDir, isFresh }: DemoWish): string {
  const folder = resolve(dataDir);
  mkdirSync(folder, { recursive: true });
  if (isFresh) forgetEverything(folder);
  mkdirSync(join(folder, 'log'), { recursive: true });
  return folder;
}

/** Only what the demo itself has put there. */
function forgetEverything(folder: string): void {
  const database = findDataFolder(join(folder, 'pg'));
  const files = ['admin-token', 'tag-keys.json', 'log'].map((name) => join(folder, name));
  for (const path of [database, markOf(database), ...files]) rmSync(path, { recursive: true, force: true });
}

async function checkPorts({ ports, databaseUrl, legacyUrl, legacyDatabaseUrl }: DemoWish): Promise<void> {
  await checkPortIsFree(ports.gateway, 'PORT');
  await checkPortIsFree(ports.admin, 'ADMIN_PORT');
  if (legacyUrl === undefined) await checkPortIsFree(ports.legacy, 'LEGACY_PORT');
  if (needsPostgres({ databaseUrl, legacyUrl, legacyDatabaseUrl }))
    await checkPortIsFree(ports.postgres, 'EMBEDDED_PG_PORT');
}

function needsPostgres(wish: Pick<DemoWish, 'databaseUrl' | 'legacyUrl' | 'legacyDatabaseUrl'>): boolean {
  return (
    wish.databaseUrl === undefined || (wish.legacyUrl === undefined && wish.legacyDatabaseUrl === undefined)
  );
}

async function startDatabase(
  wish: DemoWish,
  folder: string,
  closers: (() => Promise<void>)[],
): Promise<EmbeddedPostgres | undefined> {
  if (!needsPostgres(wish)) return undefined;
  wish.say('Starting PostgreSQL …');
  const postgres = await startEmbeddedPostgres({
    dataDir: findDataFolder(join(folder, 'pg')),
    port: wish.ports.postgres,
    flags: ['-c', 'wal_level=logical', '-c', 'max_connections=200', '-c', 'max_locks_per_transaction=1024'],
    databases: ['legacy'],
  });
  closers.push(postgres.stop);
  return postgres;
}

async function startLegacy(
  wish: DemoWish,
  folder: string,
  databaseUrl: string | undefined,
  adminUrl: string,
  closers: (() => Promise<void>)[],
): Promise<Pick<LegacyStub, 'url'>> {
  if (wish.legacyUrl !== undefined) return { url: wish.legacyUrl };
  if (databaseUrl === undefined)
    throw new Error('The legacy stub has no database: set LEGACY_DATABASE_URL, or leave DATABASE_URL unset.');
  wish.say(`Starting the legacy monolith with ${wish.tenants} tenants, one schema each …`);
  await seedLegacy({ databaseUrl, tenants: wish.tenants, say: wish.say });
  const legacy = await startLegacyStub({
    port: wish.ports.legacy,
    databaseUrl,
    jwksUrl: `${adminUrl}/.well-known/jwks.json`,
    logFile: join(folder, 'log', 'legacy.log'),
  });
  closers.push(legacy.stop);
  return legacy;
}

async function fillStore(
  wish: DemoWish,
  house: DemoHouse,
  postgres: EmbeddedPostgres | undefined,
  legacyUrl: string | undefined,
): Promise<string> {
  if (postgres === undefined) throw new Error('DATABASE_URL is not set.');
  wish.say('Filling the partitioned tables with the same rows …');
  const passwords = { ownerPassword: 'banyan-demo-owner', appPassword: 'banyan-demo-app' };
  const { ownerUrl, appUrl } = await house.prepareDatabase(postgres.url('postgres'), {
    database: 'banyan',
    ...passwords,
  });
  await house.migrateStore(ownerUrl);
  if (legacyUrl !== undefined) await house.copyDemoRows({ legacyUrl, ownerUrl });
  return appUrl;
}
