import type { FeatureName, TenantName, TenureBook } from '../../vocabulary/index.ts';
import type { Tenant } from '../move/ports.ts';
import type { FeatureView, RouteView, TableInForce } from '../ports.ts';
import { type FeatureLeft, judgeFeature } from './left.ts';
import { addTraffic, readTraffic, type Traffic } from './traffic.ts';

/** What is left in the monolith. */
export type Left = Readonly<{
  revision: string;
  features: readonly FeatureLeft[];
  /** Requests to paths that the table does not list: legacy answers them. */
  unlisted: number;
}>;

export type LeftDesk = Readonly<{ look(): Promise<Left> }>;

export type LeftRooms = Readonly<{
  inForce: TableInForce;
  tenures: Pick<TenureBook, 'news'>;
  listTenants(): Promise<readonly Tenant[]>;
  metrics(): Promise<string>;
}>;

export function openLeftDesk(rooms: LeftRooms): LeftDesk {
  return Object.freeze({ look: () => look(rooms) });
}

async function look(rooms: LeftRooms): Promise<Left> {
  const { revision, table } = rooms.inForce.current();
  const [tenants, news, text] = await Promise.all([
    rooms.listTenants(),
    rooms.tenures.news(0),
    rooms.metrics(),
  ]);
  const traffic = readTraffic(text);
  const names = tenants.map(({ name }) => name);
  const describe = (feature: FeatureView | undefined) => {
    const routes = table.routes.filter((route) => route.feature === feature?.name);
    const owned = news.changed.filter((one) => one.feature === feature?.name && one.owner === 'new').length;
    return judgeFeature({
      feature: feature?.name,
      routes: routes.map(({ id, stage, forcedBy }) => ({ id, stage: forcedBy ? 'legacy' : stage })),
      tables: feature?.tables ?? [],
      move: news.moves.find((move) => move.feature === feature?.name)?.state,
      tenants: { all: names.length, answered: countAnswered(rooms.inForce, routes, names), owned },
      requests: sumOf(traffic, routes),
    });
  };
  const alone = table.routes.some(({ feature }) => feature === undefined) ? [describe(undefined)] : [];
  const used = table.features.filter(({ name }) => hasRoutes(table.routes, name));
  return {
    revision,
    features: [...used.map(describe), ...alone],
    unlisted: traffic.get('unlisted')?.legacy ?? 0,
  };
}

const hasRoutes = (routes: readonly RouteView[], name: FeatureName) =>
  routes.some(({ feature }) => feature === name);

const sumOf = (traffic: ReadonlyMap<string, Traffic>, routes: readonly RouteView[]) =>
  addTraffic(routes.map(({ id }) => traffic.get(id)));

/** How many tenants the new side answers on every route. Routes of a feature ask one flag: one of them tells for all that ask it. */
function countAnswered(
  inForce: TableInForce,
  routes: readonly RouteView[],
  tenants: readonly TenantName[],
): number {
  const isBefore = ({ stage, forcedBy }: RouteView) =>
    forcedBy !== undefined || stage === 'legacy' || stage === 'shadow';
  if (routes.some(isBefore)) return 0;
  const asking = routes.find(({ stage }) => stage === 'canary');
  if (asking === undefined) return tenants.length;
  const question = { method: asking.methods[0] ?? 'GET', path: asking.path.replace(/:\w+/g, '1') };
  return tenants.filter((tenant) => inForce.explain({ ...question, tenant }).side === 'new').length;
}
