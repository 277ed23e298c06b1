import {
  type Copied,
  CopyInterrupted,
  type CopyMoment,
  type CopyProgress,
  copyTenants,
  type FollowRoll,
  MomentUnavailable,
  openFollowRoll,
} from '../store/index.ts';
import { EQUAL_NAMES, type Mapping, type TenantName } from '../vocabulary/index.ts';
import { openMoment } from './copy-moments.ts';
import { type CopyLimits, openPace } from './copy-pace.ts';
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
  /** So many tenants at the same time; default 3. */
  atOnce?: number;
  limits?: CopyLimits;
  /** What one transaction of the store takes, as text; default 4 MB. */
  chunkBytes?: number;
  /** Stops; the next call goes on. */
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
  /** What the copy waits for; undefined: it goes on. */
  onRest?: (reason: string | undefined) => void;
}>;

export type PreparedFollow = Copied &
  Readonly<{
    slot: 'made' | 'kept';
    /** In the store without following: they were copied before, and what legacy wrote since is not known. */
    notFollowed: readonly TenantName[];
  }>;

/**
 * Makes publication and slot where they are missing, and copies every tenant that the store does not have, each as legacy was at one point
 * of its log; from there on they follow. Safe to repeat, also while a follower runs, and after it was interrupted at any point: then it goes
 * on. Throws FollowTrouble.
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
    if (roll === undefined)
      throw new FollowTrouble(`Another "banyan follow" copies for the slot "${wish.slot}" at this moment.`);
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
  const { legacyUrl, ownerUrl, atOnce, chunkBytes, onProgress, onRest } = wish;
  const signal = wish.signal ?? new AbortController().signal;
  const wished = { legacyUrl, signal, onWait: (reason: string) => onRest?.(reason) };
  const open = (manner: 'open' | 'guarded', kept?: 'kept') =>
    asTrouble(wish.slot, () =>
      openMoment(wished, kept ? `"${wish.slot}"` : `"${temporaryName()}" TEMPORARY`, manner),
    );
  // A new slot's own beginning serves the first tenants. One that the store has never followed begins now.
  let first: CopyMoment | undefined = slot === 'made' ? await open('open', 'kept') : undefined;
  if (roll.position === undefined) first ??= await open('open');
  const pace = openPace({
    legacyUrl,
    slot: wish.slot,
    limits: wish.limits ?? {},
    onRest: onRest ?? (() => undefined),
  });
  try {
    if (first?.from !== undefined) await roll.beginAt(first.from);
    const { mapping = EQUAL_NAMES } = wish;
    await roll.layDown(mapping);
    const follow = {
      slot: wish.slot,
      hold: roll.hold,
      release: roll.release,
      openMoment: (manner: 'open' | 'guarded') => {
        const moment = first;
        first = undefined;
        return moment ? Promise.resolve(moment) : open(manner);
      },
    };
    const copied = await asTrouble(wish.slot, () =>
      copyTenants({
        legacyUrl,
        ownerUrl,
        follow,
        mapping,
        pace,
        signal,
        ...(atOnce && { atOnce }),
        ...(chunkBytes && { chunkBytes }),
        ...(onProgress && { onProgress }),
      }),
    );
    return { slot, ...copied, notFollowed: await roll.listStrangers() };
  } finally {
    await pace.close();
    await first?.close();
  }
}

/** What a server refuses, as a sentence. */
async function asTrouble<T>(slot: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FollowTrouble || error instanceof MomentUnavailable) throw error;
    if (error instanceof CopyInterrupted) throw new FollowTrouble(error.message);
    throw new FollowTrouble(describeTrouble(error, slot));
  }
}

let moments = 0;

function temporaryName(): string {
  moments += 1;
  return `banyan_copy_${process.pid}_${Date.now()}_${moments}`;
}
