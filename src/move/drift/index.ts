// drift: do all of legacy's schemas look as the store expects them? From the catalogs alone; rows are counted only where somebody asks, and nothing is changed.
export { describeDrift } from './drift-text.ts';
export type { DriftFinding, DriftKind } from './finding.ts';
export type { FeatureMapping, Features, TableMapping } from './mapping.ts';
export { type DriftReport, type DriftWish, listStops, readDrift } from './read-drift.ts';
