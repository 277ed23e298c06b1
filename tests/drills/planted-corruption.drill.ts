import { describeProof, type HandOverPorts, type HandOverTask, handOver } from '../../src/move/index.ts';
import type { FeatureName, Position, Side, TenantId } from '../../src/vocabulary/index.ts';
import { DAMAGES, plant } from '../rooms/move/damages.ts';
import { ODD, startVerifyHouse, type VerifyHouse } from '../rooms/move/verify-house.ts';
import { TENANT_TABLES } from '../support/follow.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { median, showMs } from './figures.ts';

const SIDES: readonly Side[] = ['legacy', 'new'];
const ACME = 1 as TenantId;
const LEAST_KINDS = 25;

export const drill: Drill = {
  story: `${Object.keys(DAMAGES).length} kinds of damage are done to one tenant's rows, on legacy and on the new side, one after the other: rows that are gone or too many, keys and rows that have changed places, one bit, one microsecond, one
space. Expected: one look at all tables finds each of them, names table, key and column, and a hand-over of the tenant is refused before anything is held; mended, the rows are equal again.`,
  run: async (say) => {
    const house = await startVerifyHouse();
    try {
      return await run(house, say);
    } finally {
      await house.close();
    }
  },
};

type Seen = Readonly<{ name: string; isFound: boolean; isRefused: boolean; isMended: boolean; ms: number }>;

async function run(house: VerifyHouse, say: (line: string) => void): Promise<readonly Line[]> {
  const seen: Seen[] = [];
  for (const side of SIDES) {
    for (const [name, damage] of Object.entries(DAMAGES)) {
      const mend = await plant(house, side, damage);
      const beganMs = performance.now();
      const proof = await house.verify();
      const ms = performance.now() - beganMs;
      const keys =
        proof.kind === 'different' ? proof.findings.map(({ table, key }) => `${table} ${key}`) : [];
      const isFound = keys.length > 0 && keys.every((place) => place.startsWith(`${damage.table} `));
      const end = await tryHandOver(house);
      await mend();
      const isMended = (await house.verify()).kind === 'equal';
      seen.push({ name: `${name} (${side})`, isFound, isRefused: end === 'refused', isMended, ms });
    }
    say(`${side}: ${seen.length} damages so far`);
  }
  const count = (what: 'isFound' | 'isRefused' | 'isMended') => {
    const missed = seen.filter((one) => !one[what]).map(({ name }) => name);
    return {
      text: missed.length === 0 ? String(seen.length) : `all but ${missed.join(', ')}`,
      isHeld: missed.length === 0,
    };
  };
  const [found, refused, mended] = (['isFound', 'isRefused', 'isMended'] as const).map(count);
  const kinds = Object.keys(DAMAGES).length;
  return [
    hold('kinds of damage, each on both sides', `≥ ${LEAST_KINDS}`, kinds, kinds >= LEAST_KINDS),
    hold('found by one look, at their table and key', 'all', found?.text ?? '', found?.isHeld ?? false),
    hold('hand-overs that were refused', 'all', refused?.text ?? '', refused?.isHeld ?? false),
    hold('equal again once mended', 'all', mended?.text ?? '', mended?.isHeld ?? false),
    tell('a look at the tenant, median', showMs(median(seen.map(({ ms }) => ms)))),
  ];
}

/** The real hand-over, with the streams at rest: nobody writes here. */
async function tryHandOver(house: VerifyHouse): Promise<string> {
  const task: HandOverTask = {
    order: 'hand_over',
    tenant: ACME,
    feature: 'all' as FeatureName,
    tables: [...TENANT_TABLES, ODD],
  };
  const ports: HandOverPorts = {
    book: { ...house.store.mover, apart: async () => [] },
    catchUp: async () => 1n as Position,
    drain: async () => undefined,
    judgeDrift: async () => ({ hinders: [], noted: [] }),
    verify: async () => {
      const proof = await house.verify();
      return proof.kind === 'equal'
        ? { kind: 'equal', rows: proof.rows }
        : { kind: 'different', detail: describeProof(proof) };
    },
    readSequences: async () => ({}),
    advanceSequences: async () => undefined,
    outlast: async () => undefined,
  };
  return (await handOver(ports, task)).kind;
}
