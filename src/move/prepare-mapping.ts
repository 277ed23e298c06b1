import type { FollowRoll, MappingObstacle } from '../store/index.ts';
import type { Mapping } from '../vocabulary/index.ts';
import { FollowTrouble } from './trouble.ts';

/**
 * Before anything is copied: the mapping names what the store has, every table of the store has its source, and no tenant follows by
 * another mapping. Throws FollowTrouble.
 */
export async function checkMapping(roll: FollowRoll, mapping: Mapping, slot: 'made' | 'kept'): Promise<void> {
  const tables = new Map((await roll.listTables()).map(({ name, columns }) => [name, columns]));
  const unknown = Object.entries(mapping.rules).flatMap(([table, { columns = {} }]) => {
    const known = tables.get(table);
    if (known === undefined) return [table];
    return Object.keys(columns).flatMap((column) => (known.includes(column) ? [] : [`${table}.${column}`]));
  });
  if (unknown.length > 0)
    throw new FollowTrouble(
      `The mapping names ${unknown.join(', ')}, and the store has no such thing. Mend it in the route table (docs/moving.md#mapping).`,
    );
  const orphans = [...tables.keys()].filter((table) => mapping.toLegacyTable(table) === undefined);
  if (orphans.length > 0)
    throw new FollowTrouble(
      `The store's ${orphans.join(', ')} would have no source: the mapping gives legacy's table of that name to another one. Map it, too (docs/moving.md#mapping).`,
    );
  const obstacle = await roll.findObstacle(mapping, slot);
  if (obstacle !== undefined) throw new FollowTrouble(OBSTACLES[obstacle]);
}

const OBSTACLES: Readonly<Record<MappingObstacle, string>> = {
  followed:
    "The route table's mapping is not the one by which tenants follow, and it cannot change while they do. Put it back, or take all tenants " +
    'out of the store (banyan tenants delete) and copy them anew.',
  arriving:
    "A tenant has come half, by another mapping than the route table's. Put that one back and run this again, or take the tenant out of " +
    'the store first (banyan tenants delete).',
  owned:
    "The route table's mapping is not the one by which the new side's rows go back to legacy. Put it back, or hand all tenants back first " +
    '(banyan move hand-back).',
};
