import type { Mapping, MoveRecord, TenantId } from '../vocabulary/index.ts';
import {
  type DriftFinding,
  type DriftKind,
  type DriftReport,
  type DriftWish,
  type Features,
  listStops,
  readDrift,
} from './drift/index.ts';
import type { HandOverTask } from './hand-over.ts';

/** What of a tenant's schema is not understood, in sentences. `hinders`: the owner does not change before it is mended; `noted`: he may. */
export type Drift = Readonly<{ hinders: readonly string[]; noted: readonly string[] }>;

export type DriftWatchWish = Pick<DriftWish, 'legacyUrl' | 'storeUrl'> &
  Readonly<{
    moves: () => Promise<readonly Pick<MoveRecord, 'feature' | 'tables' | 'state'>[]>;
    mapping: () => Mapping;
    read?: (wish: DriftWish) => Promise<DriftReport>;
    nowMs?: () => number;
  }>;

export type DriftWatch = Readonly<{
  /** `apart`: columns (table.column) that somebody has just seen on one side only. Throws VerifyTrouble where a database cannot be read. */
  judge(task: Pick<HandOverTask, 'order' | 'tenant' | 'tables'>, apart?: readonly string[]): Promise<Drift>;
}>;

/**
 * Hundreds of hand-overs go by one reading. A tenant that it stops is looked at again, since it may have been mended; so is one of which
 * something is seen that the reading does not know.
 */
const BELIEVED_MS = 5 * 60_000;
const STOPS_BELIEVED_MS = 5_000;

type Scope = Readonly<{ features: Features; mapping: Mapping }>;
type Reading = Readonly<{ atMs: number; of: string; report: DriftReport }>;

export function openDriftWatch(wish: DriftWatchWish): DriftWatch {
  const nowMs = wish.nowMs ?? (() => performance.now());
  let last: Reading | undefined;
  let reading: Promise<Reading> | undefined;
  const read = async (scope: Scope): Promise<Reading> => {
    const atMs = nowMs();
    const { legacyUrl, storeUrl } = wish;
    const report = await (wish.read ?? readDrift)({ legacyUrl, storeUrl, ...scope });
    last = { atMs, of: sign(scope), report };
    return last;
  };
  const look = async (believedMs: number): Promise<Reading> => {
    const scope = await readScope(wish);
    // One that has begun before may know no more than the last one.
    await reading?.catch(() => undefined);
    const isGood = last?.of === sign(scope) && nowMs() - last.atMs < believedMs;
    if (last && isGood) return last;
    reading ??= read(scope).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  return {
    async judge(task, apart = []) {
      const stopsOf = ({ report }: Reading) => listStops(report, task.tenant, task.tables);
      const known = await look(BELIEVED_MS);
      const isNew = apart.some((place) => !listPlaces(known.report, task.tenant).has(place));
      if (stopsOf(known).length === 0 && !isNew) return { hinders: [], noted: [] };
      return sortStops(task.order, stopsOf(await look(isNew ? 0 : STOPS_BELIEVED_MS)));
    },
  };
}

const sign = ({ features, mapping }: Scope): string => JSON.stringify([features, mapping.rules]);

async function readScope({ moves, mapping }: DriftWatchWish): Promise<Scope> {
  const alive = (await moves()).filter(({ state }) => state !== 'retired');
  return {
    features: Object.fromEntries(alive.map(({ feature, tables }) => [feature, tables])),
    mapping: mapping(),
  };
}

const listPlaces = ({ findings }: DriftReport, tenant: TenantId): ReadonlySet<string> =>
  new Set(findings.filter((one) => one.tenant?.id === tenant).map(({ place }) => place));

/** What the new side has written there would have no place on legacy any more. */
const LOSES: readonly DriftKind[] = ['schema_missing', 'table_missing', 'column_missing'];

/** The way back stays open where nothing is lost by it: equal rows are proven in any case. */
function sortStops(order: HandOverTask['order'], stops: readonly DriftFinding[]): Drift {
  const hinders = ({ kind }: DriftFinding) => order === 'hand_over' || LOSES.includes(kind);
  return {
    hinders: stops.filter(hinders).map(describe),
    noted: stops.filter((one) => !hinders(one)).map(describe),
  };
}

const describe = ({ schema, place, source = place, sentence }: DriftFinding) =>
  `${[schema, source].filter((part) => part !== '').join(' ')}: ${sentence}`;

const NAMED = 2;

export function describeHindrances(sentences: readonly string[]): string {
  const more = sentences.length - NAMED;
  const shown = `Its schema is not understood: ${sentences.slice(0, NAMED).join(' ')}`;
  return more > 0 ? `${shown} And ${more} more: banyan move plan.` : shown;
}
