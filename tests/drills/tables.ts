import { parse, stringify } from 'yaml';
import type { Stage } from '../../src/vocabulary/index.ts';
import { DEMO_TABLE } from '../support/house.ts';

/** The demo's table as data, as far as drills change it. */
export type DemoTable = {
  flags?: Record<string, { percent: number; tenants: string[]; except: string[] }>;
  features: Record<string, { flag?: string; tables: string[]; max_in_flight?: number }>;
  routes: {
    id: string;
    feature: string;
    stage: Stage;
    timeout_ms?: number;
    if_new_fails?: 'legacy' | 'refuse';
  }[];
};

/** The demo's table, changed. */
export function makeTable(change: (table: DemoTable) => void): string {
  const table = parse(DEMO_TABLE) as DemoTable;
  change(table);
  return stringify(table);
}

/** Puts all routes of some features at this stage. */
export function setStage(table: DemoTable, features: readonly string[], stage: Stage): void {
  for (const route of table.routes) if (features.includes(route.feature)) route.stage = stage;
}

/** The new side answers these tenants all routes of a feature, legacy the others. */
export function takeIn(table: DemoTable, feature: string, tenants: readonly string[]): void {
  setStage(table, [feature], 'canary');
  const flag = table.flags?.[table.features[feature]?.flag ?? ''];
  if (flag) flag.tenants = [...tenants];
}

export function setTimeouts(table: DemoTable, feature: string, timeoutMs: number): void {
  for (const route of table.routes) if (route.feature === feature) route.timeout_ms = timeoutMs;
}
