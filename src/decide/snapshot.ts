import { hash } from 'node:crypto';
import type { Revision } from '../vocabulary/index.ts';
import type { FlagSet } from './flag-evaluator.ts';
import type { ReadFlag } from './flag-reader.ts';
import { freezeDeep } from './freeze.ts';
import type { FindRoute } from './route-matcher.ts';
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

/** What snapshots are made of; see `rememberEach`. */
export type SnapshotParts = Readonly<{
  /** Of a table. */
  findIn(table: Table): FindRoute;
  /** Of a set of flags. */
  readerOf(flagSet: FlagSet): ReadFlag;
}>;

export function createSnapshot(table: Table, flagSet: FlagSet, parts: SnapshotParts): Snapshot {
  const { exposeSide, byHost, rows, features, flags } = table;
  return Object.freeze({
    revision: hashRevision(table, flagSet),
    exposeSide,
    tenants: Object.freeze({ byHost }),
    rows,
    features,
    flags,
    flagSource: flagSet.source,
    find: parts.findIn(table),
    readFlag: parts.readerOf(flagSet),
    flagSet: freezeDeep(flagSet),
  });
}

const REVISION_DIGITS = 12;

/** The flags of the file are in the table's own hash. */
function hashRevision(table: Table, flagSet: FlagSet): Revision {
  const flags = flagSet.source === 'file' ? '' : JSON.stringify(flagSet);
  return hash('sha256', `${table.hash} ${flags}`).slice(0, REVISION_DIGITS) as Revision;
}
