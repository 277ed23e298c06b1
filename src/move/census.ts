import type {
  Emit,
  FeatureName,
  MoveLook,
  MoveStanding,
  Side,
  TenantId,
  TenureBook,
} from '../vocabulary/index.ts';

export type CensusWish = Readonly<{
  tenures: Pick<TenureBook, 'news'>;
  moveLook: Pick<MoveLook, 'standings'>;
  /** Whether there is anything to count. */
  isMoving: () => boolean;
  emit: Emit;
  everyMs?: number;
}>;

const EVERY_MS = 5_000;

/** Counts how moves stand, for metrics: with 400 tenants some milliseconds of the database, once in a while. */
export function openCensus({ everyMs = EVERY_MS, ...wish }: CensusWish): Readonly<{ close(): void }> {
  let isAtWork = false;
  const timer = setInterval(() => {
    if (isAtWork || !wish.isMoving()) return;
    isAtWork = true;
    // A store that is away is told of elsewhere.
    count(wish)
      .catch(() => undefined)
      .finally(() => {
        isAtWork = false;
      });
  }, everyMs).unref();
  return { close: () => clearInterval(timer) };
}

async function count({ tenures, moveLook, emit }: CensusWish): Promise<void> {
  const { changed } = await tenures.news(0);
  const ofNew = new Set(changed.filter(({ owner }) => owner === 'new').map(placeOf));
  const byFeature = Map.groupBy(await moveLook.standings(), ({ feature }) => feature);
  for (const [feature, standings] of byFeature) {
    const held = standings.filter((one) => ofNew.has(placeOf(one))).length;
    emit({
      type: 'move_counted',
      feature,
      owners: { legacy: standings.length - held, new: held } satisfies Record<Side, number>,
      ...addUp(standings),
    });
  }
}

function addUp(standings: readonly MoveStanding[]) {
  return {
    lines: standings.reduce((sum, { waiting }) => sum + waiting.lines, 0),
    oldestMs: Math.max(0, ...standings.map(({ waiting }) => waiting.oldestMs)),
    strangers: standings.reduce((sum, one) => sum + one.strangers, 0),
  };
}

const placeOf = ({ tenant, feature }: Readonly<{ tenant: TenantId; feature: FeatureName }>) =>
  `${tenant} ${feature}`;
