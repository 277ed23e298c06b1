import { describeProof, type HandOverPorts, type HandOverTask, handOver } from '../../src/move/index.ts';
import { Prover } from '../../src/move/prover.ts';
import { openRecheck } from '../../src/move/recheck.ts';
import {
  EQUAL_NAMES,
  type FeatureName,
  type Position,
  type Side,
  type TenantId,
  type TenantName,
} from '../../src/vocabulary/index.ts';
import { DAMAGES, plant } from '../rooms/move/damages.ts';
import { ODD, startVerifyHouse, type VerifyHouse } from '../rooms/move/verify-house.ts';
import { TENANT_TABLES } from '../support/follow.ts';
import { until } from '../support/house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { median, showMs } from './figures.ts';

const SIDES: readonly Side[] = ['legacy', 'new'];
const ACME = 1 as TenantId;
const ALL = 'all' as FeatureName;
const TABLES = [...TENANT_TABLES, ODD];
const LEAST_KINDS = 25;
const ROUND_MS = 200;

export const drill: Drill = {
  story: `${Object.keys(DAMAGES).length} kinds of damage are done to one tenant's rows, on legacy and on the new side, one after the other: rows that are gone or too many, keys and rows that have changed places, one bit, one microsecond, one
space. Expected: one look at all tables finds each of them, names table, key and column; so does the mover's look in the background,
in the first round that begins afterwards; and a hand-over of the tenant is refused before anything is held. Mended, the rows are equal again.`,
  run: async (say) => {
    const house = await startVerifyHouse();
    try {
      return await run(house, say);
    } finally {
      await house.close();
    }
  },
};

type Seen = Readonly<{
  name: string;
  isFound: boolean;
  isWatched: boolean;
  isRefused: boolean;
  isMended: boolean;
  ms: number;
  foundMs: number;
}>;

async function run(house: VerifyHouse, say: (line: string) => void): Promise<readonly Line[]> {
  const seen: Seen[] = [];
  const background = await openBackground(house);
  for (const side of SIDES) {
    for (const [name, damage] of Object.entries(DAMAGES)) {
      const mend = await plant(house, side, damage);
      const watching = background.seeNext(damage.table);
      const beganMs = performance.now();
      const proof = await house.verify();
      const ms = performance.now() - beganMs;
      const keys =
        proof.kind === 'different' ? proof.findings.map(({ table, key }) => `${table} ${key}`) : [];
      const isFound = keys.length > 0 && keys.every((place) => place.startsWith(`${damage.table} `));
      const { isFound: isWatched, ms: foundMs } = await watching;
      const end = await tryHandOver(house);
      await mend();
      const isMended = (await house.verify()).kind === 'equal';
      const isRefused = end === 'refused';
      seen.push({ name: `${name} (${side})`, isFound, isWatched, isRefused, isMended, ms, foundMs });
    }
    say(`${side}: ${seen.length} damages so far`);
  }
  await background.close();
  return judge(seen);
}

function judge(seen: readonly Seen[]): readonly Line[] {
  const count = (what: 'isFound' | 'isWatched' | 'isRefused' | 'isMended') => {
    const missed = seen.filter((one) => !one[what]).map(({ name }) => name);
    return {
      text: missed.length === 0 ? String(seen.length) : `all but ${missed.join(', ')}`,
      isHeld: missed.length === 0,
    };
  };
  const [found, watched, refused, mended] = (['isFound', 'isWatched', 'isRefused', 'isMended'] as const).map(
    count,
  );
  const foundMs = seen.map((one) => one.foundMs);
  const kinds = Object.keys(DAMAGES).length;
  return [
    hold('kinds of damage, each on both sides', `≥ ${LEAST_KINDS}`, kinds, kinds >= LEAST_KINDS),
    hold('found by one look, at their table and key', 'all', found?.text ?? '', found?.isHeld ?? false),
    hold('found in the background, in the next round', 'all', watched?.text ?? '', watched?.isHeld ?? false),
    hold('hand-overs that were refused', 'all', refused?.text ?? '', refused?.isHeld ?? false),
    hold('equal again once mended', 'all', mended?.text ?? '', mended?.isHeld ?? false),
    tell('a look at the tenant, median', showMs(median(seen.map(({ ms }) => ms)))),
    tell(
      `until found in the background, in rounds of ${showMs(ROUND_MS)}: median, longest`,
      `${showMs(median(foundMs))}, ${showMs(Math.max(...foundMs))}`,
    ),
  ];
}

type Background = Readonly<{
  /** The first round that begins from now on: whether it finds that table's rows different, and after how long. */
  seeNext(table: string): Promise<Readonly<{ isFound: boolean; ms: number }>>;
  close(): Promise<void>;
}>;

/** The mover's look in the background, in short rounds, with the streams at rest. */
async function openBackground({ store, legacy }: VerifyHouse): Promise<Background> {
  await store.moves.begin(ALL, TABLES);
  const mover = { ...store.mover, apart: async () => [] };
  const prover = new Prover({
    legacy,
    store: { proof: store.proof, mover },
    follower: { catchUp: async () => 1n as Position },
    emit: () => undefined,
    mapping: () => EQUAL_NAMES,
    pausesMs: [20],
  });
  let rounds = 0;
  let ended = { round: 0, state: 'equal', detail: '' };
  const recheck = openRecheck({
    store: { ...store, tenants: { list: async () => [{ id: ACME, name: 'acme' as TenantName }] } },
    everyMs: ROUND_MS,
    isBusy: () => false,
    prove: async (place, signal) => {
      rounds += 1;
      const round = rounds;
      await prover.prove(place, { drain: async () => undefined }, signal);
      const [proof] = await store.moveLook.proofs();
      ended = { round, state: proof?.state ?? 'failed', detail: proof?.detail ?? '' };
    },
  });
  return {
    async seeNext(table) {
      const [next, sinceMs] = [rounds + 1, performance.now()];
      await until(async () => ended.round >= next, 'the next round');
      const isFound = ended.state === 'different' && ended.detail.includes(`: ${table} `);
      return { isFound, ms: performance.now() - sinceMs };
    },
    close: recheck.close,
  };
}

/** The real hand-over, with the streams at rest: nobody writes here. */
async function tryHandOver(house: VerifyHouse): Promise<string> {
  const task: HandOverTask = {
    order: 'hand_over',
    tenant: ACME,
    feature: ALL,
    tables: TABLES,
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
