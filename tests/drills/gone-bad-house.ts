import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { seed } from '../../legacy-stub/index.ts';
import { createTagKeysText } from '../../src/admit/index.ts';
import { forgetFollow, prepareFollow } from '../../src/move/index.ts';
import type { Stage } from '../../src/vocabulary/index.ts';
import { createDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_TOKEN, query, tableAt } from '../support/house.ts';
import { createStoreDatabase } from '../support/store.ts';
import { type Badness, writeBadness } from './badness.ts';
import { isAlive, listChildren, readCpuS, readMachine } from './cores.ts';
import { type Direct, openDirect } from './direct.ts';
import type { GatewayAnswer, GatewayAsk, GatewayWish } from './gateway.ts';
import type { Seen } from './gateway-watcher.ts';
import { type LegacyProcess, startLegacyProcess } from './legacy-process.ts';
import { type Part, startPart } from './part.ts';
import type { LoadAnswer, LoadAsk } from './shot.ts';

/** Seconds of processor used so far. */
export type Cores = Readonly<
  Record<'gateway' | 'rehearsals' | 'legacy' | 'load' | 'postgres' | 'all', number>
>;

type Parts = Readonly<{
  gateway: Part<GatewayAsk, GatewayAnswer>;
  load: Part<LoadAsk, LoadAnswer>;
  legacy: LegacyProcess;
  postmaster: number;
}>;
type Places = Readonly<{ folder: string; tableFile: string; storeUrl: string; legacyUrl: string }>;

const WATCH_MS = 200;
const LOOK_MS = 20;

/** Everything that the drill needs, each part in a process of its own. */
export class GoneBadHouse {
  readonly gatewayPort: number;
  readonly direct: Direct;
  readonly places: Places;
  readonly #start: () => Part<GatewayAsk, GatewayAnswer>;
  #parts: Parts;
  readonly #wish: GatewayWish;
  readonly #drop: () => Promise<void>;
  readonly #rehearsers = new Set<number>();
  readonly #watching: NodeJS.Timeout;

  constructor(parts: Omit<Parts, 'gateway'>, places: Places, wish: GatewayWish, drop: () => Promise<void>) {
    this.#start = () => startPart<GatewayAsk, GatewayAnswer>('./gateway.ts', { TMPDIR: places.folder });
    this.#parts = { ...parts, gateway: this.#start() };
    this.#wish = wish;
    this.#drop = drop;
    this.places = places;
    this.gatewayPort = Number(wish.env.PORT);
    this.direct = openDirect(wish.tagKeys, parts.legacy.port, this.gatewayPort);
    this.#watching = setInterval(() => {
      for (const pid of listChildren(this.#parts.gateway.pid)) this.#rehearsers.add(pid);
    }, WATCH_MS);
  }

  async open(): Promise<void> {
    await this.#parts.gateway.ask({ kind: 'open', wish: this.#wish });
    await this.untilSeen(({ isRehearsing, isFollowing }) => isRehearsing && isFollowing, 'rehearsals');
  }

  /** In a new process, with the handlers good. */
  async restart(): Promise<void> {
    this.misbehave('good');
    const { gateway } = this.#parts;
    gateway.kill();
    await gateway.gone;
    this.#parts = { ...this.#parts, gateway: this.#start() };
    await this.open();
  }

  /** Closes the gateway; answers in how many ms. */
  async close(): Promise<number> {
    return (await this.#parts.gateway.ask({ kind: 'close' })).tookMs;
  }

  async useStage(stage: Stage): Promise<void> {
    const { tableFile } = this.places;
    if (readFileSync(tableFile, 'utf8') === tableAt(stage)) return;
    const { swaps } = await this.look();
    replaceFile(tableFile, tableAt(stage));
    await this.untilSeen((seen) => seen.swaps > swaps, `stage ${stage}`);
  }

  misbehave(badness: Badness): void {
    writeBadness(this.places.folder, badness);
  }

  ask(wish: Omit<LoadAsk, 'port'>): Promise<LoadAnswer> {
    return this.#parts.load.ask({ port: this.gatewayPort, ...wish });
  }

  async look(): Promise<Seen> {
    return (await this.#parts.gateway.ask({ kind: 'look' })).seen;
  }

  /** What has been seen since the last time. */
  async take(): Promise<Seen> {
    return (await this.#parts.gateway.ask({ kind: 'take' })).seen;
  }

  async untilSeen(isSo: (seen: Seen) => boolean, what: string, patienceMs = 45_000): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    for (let seen = await this.look(); !isSo(seen); seen = await this.look()) {
      if (performance.now() > untilMs)
        throw new Error(`waited ${patienceMs} ms for ${what}; seen: ${JSON.stringify(seen)}`);
      await wait(LOOK_MS);
    }
  }

  readCores(): Cores {
    const { gateway, legacy, load, postmaster } = this.#parts;
    return {
      gateway: readCpuS(gateway.pid, 'alone'),
      rehearsals: readCpuS(gateway.pid, 'children'),
      legacy: readCpuS(legacy.pid, 'alone'),
      load: readCpuS(load.pid, 'alone'),
      postgres: readCpuS(postmaster, 'children'),
      all: readMachine().busyS,
    };
  }

  /** Ends the gateway as a power cut would, and nothing else. */
  async killGateway(): Promise<void> {
    const { gateway } = this.#parts;
    for (const pid of listChildren(gateway.pid)) this.#rehearsers.add(pid);
    gateway.kill('SIGKILL');
    await gateway.gone;
  }

  /** How many rehearsal processes have ever been seen. */
  get rehearsers(): number {
    return this.#rehearsers.size;
  }

  /** Rehearsal processes that are still there a moment after their gateway has closed. */
  async countOrphans(patienceMs = 2_000): Promise<number> {
    const untilMs = performance.now() + patienceMs;
    const count = () => [...this.#rehearsers].filter(isAlive).length;
    while (count() > 0 && performance.now() < untilMs) await wait(LOOK_MS);
    return count();
  }

  async stop(): Promise<void> {
    clearInterval(this.#watching);
    this.direct.close();
    const { gateway, load, legacy } = this.#parts;
    for (const part of [gateway, load, legacy]) {
      part.kill();
      await part.gone;
    }
    await this.#drop();
  }
}

export async function buildHouse(env: Readonly<Record<string, string>>): Promise<GoneBadHouse> {
  const postmaster = await findPostmaster();
  const folder = mkdtempSync(join(tmpdir(), 'banyan-drill-'));
  const tableFile = join(folder, 'routes.config.yaml');
  writeBadness(folder, 'good');
  replaceFile(tableFile, tableAt('legacy'));
  const [legacyRows, store] = await Promise.all([createDatabase('legacy'), createStoreDatabase()]);
  const slot = `gone_bad_${randomBytes(6).toString('hex')}`;
  await seed(legacyRows.url, { tenants: 3 });
  await prepareFollow({ legacyUrl: legacyRows.url, ownerUrl: store.ownerUrl, slot });
  const [port, adminPort, legacyPort] = [await freePort(), await freePort(), await freePort()];
  const legacy = await startLegacyProcess({ databaseUrl: legacyRows.url, port: legacyPort, adminPort });
  const load = startPart<LoadAsk, LoadAnswer>('./load.ts');
  const wish: GatewayWish = {
    databaseUrl: store.appUrl,
    legacyUrl: `http://127.0.0.1:${legacyPort}`,
    legacyDatabaseUrl: legacyRows.url,
    adminToken: ADMIN_TOKEN,
    tagKeys: createTagKeysText(),
    env: {
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      BANYAN_CONFIG: tableFile,
      FOLLOW_SLOT: slot,
      LEGACY_DATABASE_URL: legacyRows.url,
      ...env,
    },
  };
  const places = { folder, tableFile, storeUrl: store.superUrl, legacyUrl: legacyRows.url };
  return new GoneBadHouse({ load, legacy, postmaster }, places, wish, async () => {
    await forgetFollow({ legacyUrl: legacyRows.url, slot });
    for (const database of [legacyRows, store]) await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });
}

/** As an editor saves: nobody ever reads half of it. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function findPostmaster(): Promise<number> {
  const rows = await query<{ dir: string }>(
    process.env.BANYAN_TEST_PG ?? '',
    `SELECT current_setting('data_directory') AS dir`,
  );
  return Number(readFileSync(join(rows[0]?.dir ?? '', 'postmaster.pid'), 'latin1').split('\n', 1)[0]);
}
