import { createHash } from 'node:crypto';
import type { Emit, Revision } from '../vocabulary/index.ts';
import type { FlagSet } from './flag-evaluator.ts';
import { createFlagReader, type ReadFlag } from './flag-reader.ts';
import { freezeDeep } from './freeze.ts';
import { createMatcher, type FindRoute } from './route-matcher.ts';
import type { FeatureEntry, FlagEntry, RouteRow, Table } from './table.ts';

/** The table and its flags at one moment, frozen. A request takes one at the door and keeps it to its end. */
export type Snapshot = Readonly<{
  /** The hash of all of it, flags included. */
  revision: Revision;
  exposeSide: boolean;
  tenants: Readonly<{ byHost: string | undefined }>;
  rows: readonly RouteRow[];
  features: readonly FeatureEntry[];
  /** The flags of the file; with Unleash as the source they are not the ones asked. */
  flags: readonly FlagEntry[];
  flagSource: 'file' | 'unleash';
  find: FindRoute;
  readFlag: ReadFlag;
  /** The definitions that `readFlag` reads. */
  flagSet: FlagSet;
}>;

export function createSnapshot(table: Table, flagSet: FlagSet, emit: Emit): Snapshot {
  const { exposeSide, byHost, rows, features, flags } = table;
  return Object.freeze({
    revision: hashRevision(table, flagSet),
    exposeSide,
    tenants: Object.freeze({ byHost }),
    rows,
    features,
    flags,
    flagSource: flagSet.source,
    find: createMatcher(table),
    readFlag: createFlagReader(flagSet, emit),
    flagSet: freezeDeep(flagSet),
  });
}

const REVISION_DIGITS = 12;

function hashRevision(table: Table, flagSet: FlagSet): Revision {
  const hash = createHash('sha256').update(JSON.stringify([table, flagSet]));
  return hash.digest('hex').slice(0, REVISION_DIGITS) as Revision;
}
