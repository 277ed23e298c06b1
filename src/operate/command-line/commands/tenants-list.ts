import type { Command } from 'commander';
import { type Bench, makeCommand, printJson } from '../command.ts';
import type { ListedTenant } from '../tenant-parts.ts';
import { printTable } from '../text-table.ts';

const HEADER = ['TENANT', 'NUMBER', 'SINCE', 'PARTITION', 'FOLLOWS', 'NEW SIDE OWNS', 'STATE'] as const;

const STATES = { here: undefined, arriving: 'being copied', leaving: 'being deleted' } as const;

export function listCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand('list', 'List the tenants of the new store.', 'banyan tenants list').action(
    async ({ json }: Readonly<{ json?: boolean }>) => {
      const tenants = await parts.tenants.list();
      if (json) printJson(terminal, { tenants: tenants.map(toJson) });
      else printTable(terminal, HEADER, tenants.map(toRow));
      finish(0);
    },
  );
}

const toJson = ({ id, name, createdAt, state, partition, slot, ownedByNew }: ListedTenant) => ({
  id,
  name,
  created_at: createdAt,
  state,
  partition,
  follows: slot ?? null,
  new_side_owns: ownedByNew,
});

const toRow = ({ id, name, createdAt, state, partition, slot, ownedByNew }: ListedTenant) => [
  name,
  String(id),
  createdAt.slice(0, 10),
  partition,
  slot,
  ownedByNew.join(','),
  STATES[state],
];
