import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { EQUAL_NAMES } from '../../vocabulary/index.ts';
import { codeOf, isConnectionLoss } from '../database-errors.ts';
import { type CopiedTable, readCopiedTables } from './copied-tables.ts';
import { type CopyMoment, type CopyRun, type Pace, withClient } from './copy-run.ts';
import { CopyInterrupted, describeCopyTrouble, MomentUnavailable } from './copy-trouble.ts';
import type { Copied, CopyWish } from './copy-wish.ts';
import { copyLargeTenant, type MomentPorts } from './large-tenant.ts';
import { type LegacyTenant, listLegacy } from './legacy-moment.ts';
import { copySmallTenant } from './small-tenant.ts';
import { Tally } from './tally.ts';

const LANES = 3;
const CHUNK_BYTES = 4_194_304;
/** The follower stands still for so long at a time while small tenants are copied. */
const ROUND_MS = 5_000;
const AGAIN_MS = 2_000;

const FREELY: Pace = {
  note: () => undefined,
  waitMs: () => 0,
  rest: async (signal) => signal.throwIfAborted(),
};

/**
 * Copies legacy's tenants that the new store does not have, ids kept; whoever is there already is left as he is. One who cannot be copied
 * is named and keeps nobody else. Rejects where a database is lost; what is whole stays then, too.
 */
export async function copyTenants(wish: CopyWish): Promise<Copied> {
  const { atOnce = LANES } = wish;
  const legacy = openLanes(wish.legacyUrl, atOnce);
  // One more: whoever ends a large tenant reads while it writes.
  const owner = openLanes(wish.ownerUrl, atOnce + 1);
  try {
    const tables = await withClient(owner, readCopiedTables);
    return await new Copy(wish, legacy, owner, tables, atOnce).run();
  } finally {
    await Promise.all([legacy.end(), owner.end()]);
  }
}

function openLanes(url: string, lanes: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 2 * lanes,
    application_name: 'banyan copy',
    keepAlive: true,
  });
  pool.on('connect', (client) => client.on('error', () => undefined));
  // A broken connection fails the query on it; without a listener an idle one would end the process.
  return pool.on('error', () => undefined);
}

class Copy {
  readonly #wish: CopyWish;
  readonly #run: CopyRun;
  readonly #atOnce: number;
  readonly #tally: Tally;
  readonly #ending = new AbortController();
  #small: LegacyTenant[] = [];
  #large: LegacyTenant[] = [];

  constructor(
    wish: CopyWish,
    legacy: pg.Pool,
    owner: pg.Pool,
    tables: readonly CopiedTable[],
    atOnce: number,
  ) {
    this.#wish = wish;
    this.#atOnce = atOnce;
    this.#tally = new Tally(wish.onProgress);
    const signals = [this.#ending.signal, ...(wish.signal ? [wish.signal] : [])];
    this.#run = {
      legacy,
      owner,
      tables,
      mapping: wish.mapping ?? EQUAL_NAMES,
      pace: wish.pace ?? FREELY,
      chunkBytes: wish.chunkBytes ?? CHUNK_BYTES,
      signal: AbortSignal.any(signals),
      slot: wish.follow?.slot,
      onRows: () => undefined,
    };
  }

  async run(): Promise<Copied> {
    try {
      await this.#list();
      while (this.#small.length > 0) await this.#copyRound();
      await this.#inLanes(async () => {
        const tenant = this.#large.shift();
        if (tenant !== undefined) await this.#copyLarge(tenant);
        return tenant !== undefined;
      });
      return this.#tally.copied('whole');
    } catch (error) {
      if (this.#wish.signal?.aborted) return this.#tally.copied('stopped');
      if (!isConnectionLoss(error)) throw error;
      throw new CopyInterrupted(
        `The connection to a database was lost (${codeOf(error) || 'no answer'}). What is whole stays; the same command goes on with the rest.`,
        { cause: error },
      );
    }
  }

  async #list(): Promise<void> {
    const { legacy, owner, tables } = this.#run;
    const { rows } = await owner.query<{ id: number; is_arriving: boolean }>(
      'SELECT t.id, a.tenant IS NOT NULL AS is_arriving FROM public.tenant t LEFT JOIN banyan.arriving_tenant a ON a.tenant = t.id',
    );
    const known = new Map(rows.map((row) => [row.id, row.is_arriving ? 'arriving' : 'here']));
    for (const one of await listLegacy(legacy, tables, this.#run.mapping)) {
      const id = one.kind === 'tenant' ? one.tenant.id : one.id;
      if (known.get(id) === 'here') continue;
      if (one.kind === 'misnamed') {
        this.#tally.expect(one.name, 0);
        this.#tally.fail(
          one.name,
          `No host can have this name, so no tenant can: rename tenant ${id} on legacy.`,
        );
        continue;
      }
      this.#tally.expect(one.tenant.name, one.bytes);
      const isSmall = known.get(id) === undefined && one.bytes <= this.#run.chunkBytes;
      (isSmall ? this.#small : this.#large).push(one.tenant);
    }
  }

  /** Some seconds' worth of small tenants at one moment of legacy, while the follower stays behind it. */
  async #copyRound(): Promise<void> {
    const { pace, signal } = this.#run;
    await pace.rest(signal);
    const moment = await this.#openRound();
    const untilMs = performance.now() + ROUND_MS;
    const passed: LegacyTenant[] = [];
    try {
      await this.#inLanes(async () => {
        if (pace.waitMs() > 0 || performance.now() > untilMs) return false;
        const tenant = this.#small.shift();
        if (tenant !== undefined) await this.#copySmall(tenant, moment, passed);
        return tenant !== undefined;
      });
    } finally {
      await moment.close();
      await this.#wish.follow?.release();
    }
    // Somebody has let the follower go on: a large tenant's way does not mind.
    this.#large.push(...passed);
  }

  async #openRound(): Promise<CopyMoment> {
    const { follow } = this.#wish;
    if (follow === undefined) return NOW;
    return this.#untilAvailable(async () => {
      await follow.hold();
      try {
        return await follow.openMoment('guarded');
      } catch (error) {
        await follow.release();
        throw error;
      }
    });
  }

  async #untilAvailable<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MomentUnavailable)) throw error;
        await waitFor(AGAIN_MS, this.#run.signal);
      }
    }
  }

  async #copySmall(tenant: LegacyTenant, moment: CopyMoment, passed: LegacyTenant[]): Promise<void> {
    this.#run.signal.throwIfAborted();
    await this.#tell(tenant, async (run) => {
      const end = await copySmallTenant(run, tenant, moment);
      if (end.kind === 'done') return this.#tally.end(tenant.name, end.rows);
      this.#tally.leave(tenant.name);
      passed.push(tenant);
    });
  }

  async #copyLarge(tenant: LegacyTenant): Promise<void> {
    const { follow } = this.#wish;
    await this.#tell(tenant, async (run) => {
      await this.#untilAvailable(() => copyLargeTenant(run, tenant, follow ?? NOBODY));
      this.#tally.end(tenant.name, 0);
    });
  }

  async #tell(tenant: LegacyTenant, work: (run: CopyRun) => Promise<void>): Promise<void> {
    this.#tally.begin(tenant.name);
    const onRows: CopyRun['onRows'] = (rows, bytes) => this.#tally.add(tenant.name, rows, bytes);
    try {
      await work({ ...this.#run, onRows });
    } catch (error) {
      const detail = this.#run.signal.aborted ? undefined : describeCopyTrouble(error, tenant);
      if (detail === undefined) throw error;
      this.#tally.fail(tenant.name, detail);
    }
  }

  /** Each lane as long as there is something to do; the first that breaks ends all. */
  async #inLanes(takeNext: () => Promise<boolean>): Promise<void> {
    const lane = async () => {
      while (await takeNext());
    };
    const lanes = Array.from({ length: this.#atOnce }, () =>
      lane().catch((error: unknown) => {
        this.#ending.abort(error);
        throw error;
      }),
    );
    await Promise.allSettled(lanes);
    await Promise.all(lanes);
  }
}

const NOW: CopyMoment = { snapshot: undefined, from: undefined, close: async () => undefined };
const NOBODY: MomentPorts = {
  openMoment: async () => NOW,
  hold: async () => undefined,
  release: async () => undefined,
};

const waitFor = (ms: number, signal: AbortSignal): Promise<void> =>
  wait(ms, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
