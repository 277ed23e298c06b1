import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rig, Row } from '../part.ts';
import { median, ratioOf } from '../spread.ts';
import { type CostAnswer, type CostAsk, nameDecide, nameFirst, nameRequest } from './cost-cases.ts';
import { startDesk } from './desk.ts';
import { openRegistry, type Registry } from './registry.ts';
import { FLAG_SOURCES, type FlagSource } from './rooms.ts';
import { AXES, type Axis, TENANT_COUNTS } from './sizes.ts';

/**
 * Nearly flat: all that admit and decide do for a request. What comes after them knows nothing of other routes, tenants and flags. A
 * logarithm would be 3.3 for 10 → 2,000 routes and 6 for 4 → 4,000 tenants.
 */
const MOST_GROWTH = 2;
/** Two µs are soon twice as many: what 10 routes of 4 tenants need fits into a processor's nearest cache. At most as a logarithm does of all that grows. */
const MOST_ALONE = Math.log(2_000 * 4_000 * 50) / Math.log(10 * 4 * 1);

/** µs by the name of the case, one for each round. */
type Costs = ReadonlyMap<string, readonly number[]>;

export async function measureCosts(rig: Rig): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-growth-'));
  // PostgreSQL runs as a user of its own.
  chmodSync(folder, 0o755);
  const registry = await openRegistry(join(folder, 'store'), TENANT_COUNTS);
  try {
    return describeCosts(await runRounds(rig, registry, folder));
  } finally {
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runRounds({ cores, rounds }: Rig, { stores }: Registry, folder: string): Promise<Costs> {
  const desk = startDesk<CostAsk, CostAnswer>(new URL('./cost-desk.ts', import.meta.url), cores.proxy);
  const costs = new Map<string, number[]>();
  try {
    await desk.ask({ kind: 'open', stores, folder });
    for (let round = 0; round < rounds; round += 1)
      for (const [name, us] of await desk.ask({ kind: 'round' }))
        costs.set(name, [...(costs.get(name) ?? []), us]);
  } finally {
    await desk.stop();
  }
  return costs;
}

function describeCosts(costs: Costs): readonly Row[] {
  const axes = Object.keys(AXES) as readonly Axis[];
  return [
    ...FLAG_SOURCES.flatMap((source) => axes.map((axis) => describeRequest(costs, source, axis))),
    ...FLAG_SOURCES.map((source) => describeAlone(costs, source)),
    ...FLAG_SOURCES.map((source) => describeFirst(costs, source)),
  ];
}

function describeRequest(costs: Costs, source: FlagSource, axis: Axis): Row {
  const names = AXES[axis].map((size) => nameRequest(source, size));
  return compare(costs, `a request, ${nameSource(source)}: ${nameSteps(axis)}`, names, MOST_GROWTH);
}

function nameSteps(axis: Axis): string {
  if (axis === 'everything') return 'all of these';
  return `${AXES[axis].map((size) => show(size[axis])).join(' → ')} ${axis}`;
}

function describeAlone(costs: Costs, source: FlagSource): Row {
  const names = AXES.everything.map((size) => nameDecide(source, size));
  return compare(costs, `match and decide alone, ${nameSource(source)}: all of these`, names, MOST_ALONE);
}

function describeFirst(costs: Costs, source: FlagSource): Row {
  const what = `a flag asked for the first time, ${nameSource(source)}: ${nameSteps('tenants')}`;
  return compare(
    costs,
    what,
    TENANT_COUNTS.map((count) => nameFirst(source, count)),
    MOST_GROWTH,
  );
}

/** The last of these ÷ the first; all of them in the note. */
function compare(costs: Costs, what: string, names: readonly string[], most: number): Row {
  const seen = names.map((name) => costs.get(name) ?? []);
  return {
    what,
    seen: ratioOf(seen.at(-1) ?? [], seen[0] ?? []),
    unit: '×',
    bound: { kind: 'at_most', least: most },
    note: `${seen.map((all) => median(all).toFixed(2)).join(', ')} µs`,
  };
}

const nameSource = (source: FlagSource) => (source === 'file' ? 'flags of the file' : 'flags of Unleash');
const show = (count: number) => count.toLocaleString('en-US');
