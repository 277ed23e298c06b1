import type { FilledStore } from '../new-side/filled-store.ts';
import type { Rig, Row } from '../part.ts';
import { median, ratioOf } from '../spread.ts';
import {
  type Change,
  changePartitions,
  changeSchemas,
  countLocks,
  type Locks,
  measureWal,
  takeBack,
} from './schema-change.ts';

const MOST_ROUNDS = { short: 2, full: 5 } as const;
const BYTES_PER_MB = 1024 ** 2;

/** The same change of schema for every tenant: schema after schema as legacy's own command does it, and in one pass. */
export async function measureSchemaChange(
  rig: Rig,
  store: FilledStore,
  tenants: number,
): Promise<readonly Row[]> {
  const locks = await countLocks(store);
  const [one, whole]: [Change[], Change[]] = [[], []];
  for (let round = 0; round < Math.min(rig.rounds, MOST_ROUNDS[rig.mode]); round += 1) {
    one.push(await measureWal(store, () => changeSchemas(store)));
    whole.push(await measureWal(store, () => changePartitions(store)));
    await takeBack(store);
    rig.say(
      `schema change: ${one.at(-1)?.ms.toFixed(0)} ms one by one, ${whole.at(-1)?.ms.toFixed(0)} ms in one pass`,
    );
  }
  return describe(one, whole, locks, tenants);
}

function describe(
  one: readonly Change[],
  whole: readonly Change[],
  locks: Locks,
  tenants: number,
): readonly Row[] {
  const compare = (
    what: string,
    figure: (change: Change) => number,
    show: (figure: number) => string,
  ): Row => {
    const [ours, theirs] = [whole.map(figure), one.map(figure)];
    return {
      what: `schema change for ${tenants} tenants, one by one ÷ in one pass: ${what}`,
      seen: ratioOf(theirs, ours),
      unit: '×',
      note: `${show(median(theirs))} ÷ ${show(median(ours))}`,
    };
  };
  const showMs = (ms: number) => `${ms.toFixed(0)} ms`;
  const lockRatio = locks.one / locks.whole;
  return [
    compare('time', ({ ms }) => ms, showMs),
    compare(
      'WAL',
      ({ walBytes }) => walBytes,
      (bytes) => `${(bytes / BYTES_PER_MB).toFixed(2)} MB`,
    ),
    {
      what: `schema change for ${tenants} tenants, one by one ÷ in one pass: locks at once`,
      seen: ratioOf([lockRatio], [1]),
      unit: '×',
      note: `${locks.one} locks, again for each tenant ÷ ${locks.whole}, once`,
    },
    {
      ...compare('the longest that one tenant’s queries may wait', ({ heldMs }) => heldMs, showMs),
      note: `${showMs(median(one.map(({ heldMs }) => heldMs)))} ÷ ${showMs(median(whole.map(({ heldMs }) => heldMs)))}: one pass locks the table of all tenants`,
    },
  ];
}
