// move: a tenant's rows, from legacy's schema into the partitions and, later, back.
// `prepareFollow` copies tenants at one point of legacy's log and begins to follow there; `openFollow` carries every later change over,
// in legacy's order, and knows how far it has come. Neither writes to legacy's tables. `openReturn` carries back what the new side writes
// to rows that it owns. All tell troubles in sentences; `prepare…` throws them (FollowTrouble), `open…` goes on trying and tells by events.
export { type CensusWish, openCensus } from './census.ts';
export type { CopyLimits } from './copy-pace.ts';
export {
  type DriftFinding,
  type DriftKind,
  type DriftReport,
  type DriftWish,
  describeDrift,
  type FeatureMapping,
  type Features,
  listStops,
  readDrift,
  type TableMapping,
} from './drift/index.ts';
export { type Following, type FollowWish, openFollow } from './follow.ts';
export { forgetFollow } from './forget-follow.ts';
export { Gate, type GateWish, type TenureView, type Turn, type Writer } from './gate.ts';
export { type HandOverEnd, type HandOverPorts, type HandOverTask, handOver } from './hand-over.ts';
export { type Instance, type InstanceWish, openInstance } from './instance.ts';
export { type Mover, type MoverWish, openMover } from './mover.ts';
export { type MoverProcess, startMover } from './mover-process.ts';
export type { FollowingState } from './news.ts';
export { type PreparedFollow, type PrepareWish, prepareFollow } from './prepare-follow.ts';
export { openReconciler, type ReconcileWish } from './reconcile.ts';
export {
  advanceSequences,
  type NextIds,
  openReturn,
  prepareReturn,
  type Returning,
  type ReturnPending,
  ReturnTrouble,
  type ReturnWish,
  readSequences,
} from './return/index.ts';
export { FollowTrouble } from './trouble.ts';
export {
  type ColumnApart,
  describeProof,
  type Proof,
  type RowFinding,
  VerifyTrouble,
  type VerifyWish,
  verifyTenant,
} from './verify/index.ts';
