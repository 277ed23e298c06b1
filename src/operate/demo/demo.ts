import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Emit } from '../../vocabulary/index.ts';
import { printNews, printWelcome } from './banner.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { type LegacyStub, seedLegacy, startLegacyStub } from './legacy-child.ts';
import { findDataFolder, markOf } from './open-ground.ts';
import { checkPortIsFree } from './port-check.ts';
import { createKey, keepSecret } from './secrets.ts';

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
  /** The replication slot by which legacy's rows are followed. */
  followSlot: string;
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
  copyTenants(wish: RowsWish): Promise<unknown>;
  /** Copies, and begins to follow. Throws a FollowTrouble, whose message is a sentence, where following cannot be. */
  prepareFollow(wish: RowsWish & Readonly<{ slot: string }>): Promise<
    Readonly<{
      notFollowed: readonly string[];
      failed: readonly Readonly<{ tenant: string; detail: string }>[];
    }>
  >;
  createTagKeys(): string;
  open(parts: DemoParts): Promise<DemoDoors>;
}>;

type RowsWish = Readonly<{ legacyUrl: string; ownerUrl: string }>;

export type DemoParts = Readonly<{
  databaseUrl: string;
  legacyUrl: string;
  adminToken: string;
  tagKeys: string;
  /** 32 bytes, base64url. */
  mirrorKey: string;
  /** Undefined: rows were copied once, and what legacy writes later stays there. */
  follow: Readonly<{ legacyDatabaseUrl: string; slot: string }> | undefined;
}>;

type DemoDoors = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  subscribe(listener: Emit): unknown;
  confess(error: unknown): void;
  close(signal: string): Promise<unknown>;
}>;

export type Demo = Readonly<{
  gatewayUrl: string;
  adminUrl: string;
  adminToken: string;
  confess(error: unknown): void;
  close(signal: string): Promise<void>;
}>;

const LOCAL = '127.0.0.1';
const SERVER_FLAGS = [
  'wal_level=logical',
  // A demo that is not run for long, or whose following stands still, does not fill the disk: the slot is given up first.
  'max_slot_wal_keep_size=1GB',
  'max_connections=200',
  'max_locks_per_transaction=1024',
].flatMap((setting) => ['-c', setting]);

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
    const store = await prepareStore(wish, house, postgres, legacyDatabaseUrl);
    const adminToken = wish.adminToken ?? keepSecret(join(folder, 'admin-token'));
    const tagKeys = keepSecret(join(folder, 'tag-keys.json'), house.createTagKeys);
    const mirrorKey = keepSecret(join(folder, 'mirror-key'), createKey);
    const opened = await house.open({ ...store, legacyUrl: legacy.url, adminToken, tagKeys, mirrorKey });
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
    const { gatewayUrl, confess } = opened;
    return { gatewayUrl, adminUrl: opened.adminUrl, adminToken, confess, close };
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
  const files = ['admin-token', 'tag-keys.json', 'mirror-key', 'log'].map((name) => join(folder, name));
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
    flags: SERVER_FLAGS,
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

async function prepareStore(
  wish: DemoWish,
  house: DemoHouse,
  postgres: EmbeddedPostgres | undefined,
  legacyUrl: string | undefined,
): Promise<Pick<DemoParts, 'databaseUrl' | 'follow'>> {
  if (wish.databaseUrl !== undefined) return { databaseUrl: wish.databaseUrl, follow: undefined };
  if (postgres === undefined) throw new Error('DATABASE_URL is not set.');
  wish.say('Filling the partitioned tables with the same rows …');
  const passwords = { ownerPassword: 'banyan-demo-owner', appPassword: 'banyan-demo-app' };
  const { ownerUrl, appUrl } = await house.prepareDatabase(postgres.url('postgres'), {
    database: 'banyan',
    ...passwords,
  });
  await house.migrateStore(ownerUrl);
  const follow = legacyUrl === undefined ? undefined : await fillStore(wish, house, { legacyUrl, ownerUrl });
  return { databaseUrl: appUrl, follow };
}

async function fillStore(
  { followSlot, say }: DemoWish,
  house: DemoHouse,
  urls: RowsWish,
): Promise<DemoParts['follow']> {
  try {
    const { notFollowed, failed } = await house.prepareFollow({ ...urls, slot: followSlot });
    for (const { tenant, detail } of failed) say(`  ${tenant} was not copied: ${detail}`);
    if (notFollowed.length > 0)
      say(
        `  ${nameSome(notFollowed)} were copied earlier and do not follow legacy: npm start -- --fresh begins anew.`,
      );
    return { legacyDatabaseUrl: urls.legacyUrl, slot: followSlot };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'FollowTrouble') throw error;
    say(`  ${error.message}`);
    say('  Rows are copied once instead; what legacy writes from now on stays there.');
    await house.copyTenants(urls);
    return undefined;
  }
}

function nameSome(tenants: readonly string[]): string {
  const named = tenants.slice(0, 3).join(', ');
  return tenants.length > 3 ? `${named} and ${tenants.length - 3} more` : named;
}
