import {
  type FeatureName,
  type MoveState,
  type RouteId,
  type Side,
  STAGES,
  type Stage,
} from '../../vocabulary/index.ts';

/** What is known of one feature; of routes without one, where it is undefined. */
export type FeatureStanding = Readonly<{
  feature: FeatureName | undefined;
  routes: readonly Readonly<{ id: RouteId; stage: Stage }>[];
  tables: readonly string[];
  /** Undefined where nobody has begun to move its rows. */
  move: MoveState | undefined;
  /** Tenants: all, those whom the new side answers on every route, and those whose rows it owns. */
  tenants: Readonly<{ all: number; answered: number; owned: number }>;
  /** Requests by who answered them, since the gateway's processes began. */
  requests: Readonly<Record<Side, number>>;
}>;

export type FeatureLeft = FeatureStanding &
  Readonly<{
    stages: Readonly<Record<Stage, number>>;
    /** Something of it is still in the monolith. */
    isLeft: boolean;
    /** What to do next, in a sentence with its command. */
    next: string;
  }>;

/** Routes, tenants, rows and traffic of one feature: what of them is still legacy's, and what comes next. */
export function judgeFeature(standing: FeatureStanding): FeatureLeft {
  const stages = countStages(standing.routes);
  const isOver = stages.retired === standing.routes.length && hasNoRows(standing);
  return {
    ...standing,
    stages,
    isLeft: !isOver,
    next: isOver ? 'Nothing is left.' : nameNext(standing, stages),
  };
}

function countStages(routes: FeatureStanding['routes']): Readonly<Record<Stage, number>> {
  const count = (stage: Stage) => routes.filter((route) => route.stage === stage).length;
  return Object.fromEntries(STAGES.map((stage) => [stage, count(stage)])) as Record<Stage, number>;
}

const hasNoRows = ({ tables, move }: FeatureStanding) => tables.length === 0 || move === 'retired';

function nameNext(standing: FeatureStanding, stages: Readonly<Record<Stage, number>>): string {
  const { tenants, move } = standing;
  const name = standing.feature ?? standing.routes[0]?.id ?? '';
  const hasRows = !hasNoRows(standing);
  if (stages.legacy > 0) return `Compare first: banyan flip ${name} shadow --reason "…"`;
  if (hasRows && move === undefined) return `Its rows are not moved yet: banyan move start ${name}`;
  if (stages.shadow > 0) return `Read banyan diffs, then: banyan flip ${name} canary --tenant T --reason "…"`;
  if (stages.canary > 0 && tenants.answered < tenants.all)
    return `Let more tenants in: banyan flip ${name} canary --percent 100 --reason "…"`;
  if (stages.canary > 0) return `Nobody asks legacy any more: banyan flip ${name} new --reason "…"`;
  if (hasRows && tenants.owned < tenants.all)
    return `See what keeps the rows back: banyan move status ${name}`;
  if (hasRows) return `When nobody will want to go back: banyan move retire ${name}`;
  return `When its code is deleted: banyan flip ${name} retired --reason "…"`;
}
