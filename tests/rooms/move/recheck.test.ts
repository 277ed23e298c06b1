import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { openRecheck, type RecheckPlace } from '../../../src/move/recheck.ts';
import type {
  FeatureName,
  MoveRecord,
  ProofRecord,
  TenantId,
  TenantName,
  TenureRecord,
} from '../../../src/vocabulary/index.ts';
import { until } from '../../support/house.ts';

const AI = 'ai' as FeatureName;

type World = {
  readonly looks: number[];
  readonly proofs: Map<number, ProofRecord>;
  readonly tenures: TenureRecord[];
  readonly busy: Set<number>;
  prove: (place: RecheckPlace, signal: AbortSignal) => Promise<void>;
  isAway: boolean;
};

const proofAt = (tenant: number, atMs: number): ProofRecord => ({
  tenant: tenant as TenantId,
  feature: AI,
  checkedAt: new Date(atMs),
  state: 'equal',
  rows: 1,
  detail: '',
});

/** Tenants 1 to 4 of one move, and a look that notes itself. */
function openWorld(everyMs: number, change?: (world: World) => void) {
  const world: World = {
    looks: [],
    proofs: new Map(),
    tenures: [],
    busy: new Set(),
    isAway: false,
    prove: async ({ tenant }) => {
      world.proofs.set(tenant, proofAt(tenant, Date.now()));
    },
  };
  change?.(world);
  const move = { feature: AI, tables: ['ai_job'], state: 'moving' } as unknown as MoveRecord;
  const recheck = openRecheck({
    store: {
      tenures: {
        news: async () => {
          if (world.isAway) throw new Error('away');
          return { epoch: 1, moves: [move], changed: world.tenures };
        },
      },
      moveLook: { proofs: async () => [...world.proofs.values()] },
      tenants: {
        list: async () => [4, 2, 3, 1].map((id) => ({ id: id as TenantId, name: `t${id}` as TenantName })),
      },
    },
    everyMs,
    isBusy: (tenant) => world.busy.has(tenant),
    prove: (place, signal) => {
      world.looks.push(place.tenant);
      return world.prove(place, signal);
    },
  });
  return { world, recheck };
}

const untilLooks = (world: World, count: number) =>
  until(async () => world.looks.length >= count, `${count} looks`, 5_000);

test('whoever was not looked at for longest comes first, and each comes once in a round', async () => {
  const { world, recheck } = openWorld(100, ({ proofs }) => {
    for (const [tenant, atMs] of [
      [1, 3_000],
      [2, 1_000],
      [4, 2_000],
    ] as const)
      proofs.set(tenant, proofAt(tenant, atMs));
  });
  await untilLooks(world, 8);
  await recheck.close();
  expect(world.looks.slice(0, 4)).toEqual([3, 2, 4, 1]);
  expect(world.looks.slice(4, 8)).toEqual([3, 2, 4, 1]);
});

test('looks are spread evenly over the time', async () => {
  const { world, recheck } = openWorld(800);
  const beganMs = performance.now();
  await untilLooks(world, 4);
  const tookMs = performance.now() - beganMs;
  await recheck.close();
  expect(tookMs).toBeGreaterThan(550);
});

test('what cannot be proven does not hold up the others', async () => {
  const { world, recheck } = openWorld(80, (one) => {
    one.prove = async ({ tenant }) => {
      if (tenant === 4) throw new Error('no');
      one.proofs.set(tenant, proofAt(tenant, Date.now()));
    };
  });
  await untilLooks(world, 8);
  await recheck.close();
  expect(world.looks.filter((tenant) => tenant === 4).length).toBeLessThanOrEqual(3);
  expect(new Set(world.looks)).toEqual(new Set([1, 2, 3, 4]));
});

test('a tenant that is being handed over is left out, and comes afterwards', async () => {
  const holding = { tenant: 2 as TenantId, feature: AI, owner: 'legacy', step: 'holding' } as TenureRecord;
  const { world, recheck } = openWorld(40, ({ busy, tenures }) => {
    busy.add(4);
    tenures.push(holding);
  });
  await untilLooks(world, 6);
  expect(new Set(world.looks)).toEqual(new Set([1, 3]));
  world.busy.clear();
  world.tenures.pop();
  await until(async () => world.looks.includes(4) && world.looks.includes(2), 'the others', 5_000);
  await recheck.close();
});

test('a look that is under way gives way to a hand-over of that tenant, and to no other, and is taken again soon', async () => {
  const ended: string[] = [];
  const { world, recheck } = openWorld(80, (one) => {
    one.prove = async ({ tenant }, signal) => {
      if (tenant !== 4 || ended.length > 0) {
        one.proofs.set(tenant, proofAt(tenant, Date.now()));
        return;
      }
      await wait(5_000, undefined, { signal }).catch(() => ended.push('called off'));
      signal.throwIfAborted();
    };
  });
  await untilLooks(world, 1);
  recheck.giveWay(3 as TenantId);
  await wait(50);
  expect(ended).toEqual([]);
  recheck.giveWay(4 as TenantId);
  await until(async () => world.proofs.has(4), 'the next look at it', 5_000);
  await recheck.close();
  expect(ended).toEqual(['called off']);
});

test('a store that is away for a while is no end of it; closing ends a look that is under way', async () => {
  const { world, recheck } = openWorld(40, (one) => {
    one.isAway = true;
  });
  await wait(30);
  expect(world.looks).toEqual([]);
  world.isAway = false;
  world.prove = (_, signal) => wait(60_000, undefined, { signal });
  await untilLooks(world, 1);
  const beganMs = performance.now();
  await recheck.close();
  expect(performance.now() - beganMs).toBeLessThan(1_000);
  expect(world.looks).toHaveLength(1);
});
