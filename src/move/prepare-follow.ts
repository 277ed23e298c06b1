import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { copyDemoRows, type FollowRoll, openFollowRoll } from '../store/index.ts';
import {
  EQUAL_NAMES,
  type Mapping,
  type Position,
  parsePosition,
  type TenantName,
} from '../vocabulary/index.ts';
import { ensurePublication, lostSlot, openLegacyPool, readSlot } from './legacy-slot.ts';
import { checkMapping } from './prepare-mapping.ts';
import { describeTrouble, FollowTrouble } from './trouble.ts';

export type PrepareWish = Readonly<{
  /** Legacy's database, as a role that may replicate and, where the publication is missing, make one of all tables. */
  legacyUrl: string;
  /** The new store, as its owner. */
  ownerUrl: string;
  slot: string;
  /** By which names rows come and go back, while tenants follow; default: by equal ones. */
  mapping?: Mapping | undefined;
  /** After each tenant that was copied. */
  onProgress?: (progress: Readonly<{ tenant: TenantName; done: number; all: number }>) => void;
}>;

export type PreparedFollow = Readonly<{
  slot: 'made' | 'kept';
  /** Copied now, and following from now on. */
  tenants: number;
  rows: number;
  /** In the store without following: they were copied before, and what legacy wrote since is not known. */
  notFollowed: readonly TenantName[];
}>;

/**
 * Makes publication and slot where they are missing, and copies every tenant that the store does not have, as legacy was at one point of
 * its log; from there on they follow. Safe to repeat, also while a follower runs: it waits meanwhile. Throws FollowTrouble.
 */
export async function prepareFollow(wish: PrepareWish): Promise<PreparedFollow> {
  const legacy = openLegacyPool(wish.legacyUrl);
  try {
    const slot = await asTrouble(wish.slot, async () => {
      await ensurePublication(legacy);
      return readSlot(legacy, wish.slot);
    });
    if (slot?.isLost) throw lostSlot(wish.slot);
    const roll = await openFollowRoll(wish.ownerUrl, wish.slot);
    try {
      const state = slot === undefined ? 'made' : 'kept';
      await checkMapping(roll, wish.mapping ?? EQUAL_NAMES, state);
      return await copyMissing(wish, roll, state);
    } finally {
      await roll.close();
    }
  } finally {
    await legacy.end();
  }
}

async function copyMissing(
  wish: PrepareWish,
  roll: FollowRoll,
  slot: PreparedFollow['slot'],
): Promise<PreparedFollow> {
  const begin = slot === 'kept' ? `"${temporaryName()}" TEMPORARY` : `"${wish.slot}"`;
  const moment = await asTrouble(wish.slot, () => openMoment(wish.legacyUrl, begin));
  try {
    if (slot === 'made' || roll.position === undefined) await roll.beginAt(moment.from);
    const { mapping = EQUAL_NAMES } = wish;
    await roll.layDown(mapping);
    const follow = { snapshot: moment.snapshot, slot: wish.slot, from: moment.from };
    const { legacyUrl, ownerUrl, onProgress } = wish;
    const copied = await copyDemoRows({
      legacyUrl,
      ownerUrl,
      follow,
      mapping,
      ...(onProgress && { onProgress }),
    });
    return { slot, ...copied, notFollowed: await roll.listStrangers() };
  } finally {
    await moment.close();
  }
}

/** What legacy's server refuses, as a sentence. */
async function asTrouble<T>(slot: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof FollowTrouble ? error : new FollowTrouble(describeTrouble(error, slot));
  }
}

const temporaryName = () => `banyan_copy_${process.pid}_${Date.now()}`;

type Moment = Readonly<{ snapshot: string; from: Position; close(): Promise<void> }>;

/** Where a slot begins is a point of legacy's log, and its snapshot shows all rows as they were there, for as long as this stays open. */
async function openMoment(legacyUrl: string, slot: string): Promise<Moment> {
  const config: pg.ClientConfig & { replication: 'database' } = {
    connectionString: legacyUrl,
    replication: 'database',
    application_name: 'banyan copy',
  };
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  await client.connect();
  const close = () => client.end();
  try {
    const { rows } = await client.query<{ consistent_point: string; snapshot_name: string }>(
      `CREATE_REPLICATION_SLOT ${slot} LOGICAL pgoutput EXPORT_SNAPSHOT`,
    );
    const point = parsePosition(rows[0]?.consistent_point ?? '');
    if (point === undefined)
      throw new FollowTrouble('Legacy has named no point at which a copy could begin.');
    // What is committed at the point itself is not in the snapshot yet.
    return { snapshot: rows[0]?.snapshot_name ?? '', from: (point - 1n) as Position, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const GONE_MS = 5_000;

/**
 * Drops the slot: legacy need not keep its log any longer. The tenants' rows stay as they are. Waits a moment for a follower that is just
 * leaving; throws FollowTrouble where one stays.
 */
export async function forgetFollow({
  legacyUrl,
  slot,
}: Pick<PrepareWish, 'legacyUrl' | 'slot'>): Promise<void> {
  const legacy = openLegacyPool(legacyUrl);
  const untilMs = performance.now() + GONE_MS;
  try {
    await asTrouble(slot, async () => {
      while ((await readSlot(legacy, slot))?.isActive && performance.now() < untilMs) await wait(50);
      await legacy.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
        [slot],
      );
    });
  } finally {
    await legacy.end();
  }
}
