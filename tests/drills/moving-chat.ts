import { nameTenants } from '../../legacy-stub/index.ts';
import type { Store } from '../../src/store/index.ts';
import type { FeatureName, TenantId, TenureRecord } from '../../src/vocabulary/index.ts';
import { until } from '../support/house.ts';
import { makeTable, takeIn } from './tables.ts';

export const TENANTS = nameTenants(5);
export const CHAT = 'chat' as FeatureName;
export const CHAT_TABLES = ['chat_channel', 'chat_message'];

/** The table that gives these tenants' chat to the new side. */
export const chatTable = (tenants: readonly string[]) => makeTable((table) => takeIn(table, 'chat', tenants));

/** Begins the move as an operator does, and waits until every process knows of it. */
export async function startMove(store: Store): Promise<void> {
  const epoch = await store.moves.begin(CHAT, CHAT_TABLES);
  await until(
    async () => (await store.tenures.instances()).every((one) => !one.isLive || one.epoch >= epoch),
    'every process to know of the move',
    10_000,
  );
}

/** Resolves once exactly these tenants' chat belongs to the new side, settled. */
export async function untilOwned(
  store: Store,
  tenants: readonly Readonly<{ id: TenantId; name: string }>[],
  there: ReadonlySet<string>,
  patienceMs = 60_000,
): Promise<void> {
  const isThere = (changed: readonly TenureRecord[]) =>
    tenants.every(({ id, name }) => {
      const tenure = changed.find(({ tenant }) => tenant === id);
      const owner = there.has(name) ? 'new' : 'legacy';
      return (tenure?.owner ?? 'legacy') === owner && (tenure?.step ?? 'settled') === 'settled';
    });
  await until(
    async () => isThere((await store.tenures.news(0)).changed),
    `${[...there]} to be there`,
    patienceMs,
  );
}
