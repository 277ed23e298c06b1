import type { CredentialKind } from './caller.ts';
import type { BreakerState, Reason, Side, Stage } from './decision.ts';
import type { FailureCode } from './failure.ts';
import type {
  FeatureName,
  FlagName,
  RequestId,
  Revision,
  RouteId,
  TenantId,
  TenantName,
  UserId,
} from './ids.ts';
import type { ProofState } from './move-look.ts';
import type { DropReason, NotComparedReason, Verdict } from './shadow.ts';
import type { MoveOrderKind } from './tenure.ts';

/**
 * Everything that observe is told. One union, so that logs, metrics and health cannot disagree.
 * No event carries a secret, a header, a query string or a body.
 */
export type BanyanEvent =
  | Readonly<{ type: 'request_received' }>
  | Readonly<{
      type: 'request_finished';
      requestId: RequestId | undefined;
      traceId: string | undefined;
      method: string;
      /** Undefined for unlisted routes and for requests refused at the door. */
      routeId: RouteId | undefined;
      stage: Stage | undefined;
      side: Side | undefined;
      reason: Reason | undefined;
      revision: Revision | undefined;
      tenant: TenantName | undefined;
      user: UserId | undefined;
      by: CredentialKind | undefined;
      /** 0 where nothing could be sent. */
      status: number;
      outcome: 'answered' | 'refused' | 'failed' | 'cut' | 'abandoned';
      failure: FailureCode | undefined;
      fellBack: boolean;
      durationMs: number;
      /** The gateway's own share: from the door until a side was asked. */
      overheadMs: number;
    }>
  | Readonly<{ type: 'decision_made'; routeId: RouteId | undefined; side: Side; reason: Reason }>
  | Readonly<{ type: 'fallback_taken'; routeId: RouteId; requestId: RequestId; failure: FailureCode }>
  | Readonly<{ type: 'breaker_changed'; feature: FeatureName; side: Side; state: BreakerState }>
  | Readonly<{ type: 'table_swapped'; revision: Revision; source: string; routes: number; flags: number }>
  | Readonly<{ type: 'table_refused'; source: string; mistakes: readonly string[] }>
  | Readonly<{
      type: 'flags_changed';
      source: 'file' | 'unleash';
      state: 'ready' | 'default' | 'stale';
      detail: string;
    }>
  /** The flag service has answered, with news or without: once an interval. */
  | Readonly<{ type: 'flags_heard' }>
  | Readonly<{
      type: 'flip_made';
      author: string;
      subject: RouteId | FeatureName;
      from: string;
      to: string;
      reason: string;
      revision: Revision;
    }>
  | Readonly<{
      type: 'mirror_verdict';
      routeId: RouteId;
      requestId: RequestId;
      verdict: Verdict;
      reason: NotComparedReason | undefined;
      /** Places of differences (paths of the closed kinds of `Difference`), never values; at most 10. */
      paths: readonly string[];
    }>
  | Readonly<{ type: 'mirror_dropped'; routeId: RouteId; reason: DropReason }>
  | Readonly<{ type: 'rehearsals_changed'; state: 'ready' | 'down' | 'paused' | 'resumed'; detail: string }>
  /** Legacy's rows: whether they are carried over into the new store at the moment. */
  | Readonly<{ type: 'follow_changed'; state: 'following' | 'stopped'; detail: string }>
  /** `lagMs`: how old the oldest change of legacy is that is not in the store yet. `heldBytes`: of its log legacy keeps for us. */
  | Readonly<{ type: 'follow_measured'; lagMs: number; heldBytes: number | undefined }>
  /** Whether legacy's log, which is kept until it was read, nears the size at which legacy gives up, or its disk fills. */
  | Readonly<{ type: 'slot_changed'; state: 'calm' | 'filling'; detail: string }>
  | Readonly<{ type: 'rows_parted'; tenant: TenantName; table: string }>
  /** The new side's rows: whether they are carried back to legacy. `tenant` undefined: of all tenants. */
  | Readonly<{
      type: 'return_changed';
      state: 'returning' | 'stopped';
      tenant: TenantName | undefined;
      detail: string;
    }>
  /** Somebody has written on legacy to rows that the new side owns: how many, since it was told last. */
  | Readonly<{
      type: 'stranger_wrote';
      tenant: TenantName;
      feature: FeatureName;
      table: string;
      rows: number;
    }>
  /** The process that carries out hand-overs. */
  | Readonly<{ type: 'mover_changed'; state: 'leading' | 'stopped'; detail: string }>
  /** A hand-over, or a hand-back, has come to its end; `detail` holds no value of any row. */
  | Readonly<{
      type: 'owner_changed';
      tenant: TenantId;
      feature: FeatureName;
      order: MoveOrderKind;
      ended: 'done' | 'refused' | 'failed';
      detail: string;
      heldMs: number | undefined;
      /** How many rows are equal on both sides, if they are. */
      rows: number | undefined;
    }>
  /** A tenant's rows were looked at on both sides, and it ended otherwise than the time before; `detail` holds no value of any row. */
  | Readonly<{
      type: 'proof_changed';
      tenant: TenantId;
      feature: FeatureName;
      state: ProofState;
      before: ProofState | undefined;
      detail: string;
    }>
  /** A move has been paused, by somebody or because too much of a wave failed, or goes on. */
  | Readonly<{ type: 'move_paused'; feature: FeatureName; state: 'paused' | 'moving'; detail: string }>
  /** How a feature's move stands, once in a while. */
  | Readonly<{
      type: 'move_counted';
      feature: FeatureName;
      /** Tenants by the side that owns their rows. */
      owners: Readonly<Record<Side, number>>;
      /** What the new side wrote and legacy does not have yet, of all tenants; how long the oldest of it has waited. */
      lines: number;
      oldestMs: number;
      strangers: number;
      /** Tenants by how the last look at both sides has ended; how long ago the oldest of these looks was. */
      proofs: Readonly<Record<ProofState | 'never', number>>;
      oldestProofMs: number;
    }>
  /** How many writes wait for their owner in this process now. */
  | Readonly<{ type: 'writes_waiting'; count: number }>
  | Readonly<{ type: 'flag_read_failed'; flag: FlagName; detail: string }>
  | Readonly<{ type: 'unscoped_query'; handler: string; model: string; operation: string }>
  /** A transaction of the new side has a connection, or could get none in time. */
  | Readonly<{ type: 'store_waited'; outcome: 'served' | 'crowded'; waitedMs: number }>
  /** How many transactions of the new side have a connection, how many connections have none, how many wait. Told where it has changed. */
  | Readonly<{ type: 'store_counted'; busy: number; idle: number; waiting: number }>
  | Readonly<{ type: 'handler_failed'; requestId: RequestId; routeId: RouteId | undefined; error: string }>
  | Readonly<{ type: 'session_ended'; tenant: TenantName; user: UserId }>
  | Readonly<{ type: 'part_changed'; part: Part; state: 'ready' | 'not_ready'; detail: string }>
  | Readonly<{ type: 'listening'; door: 'gateway' | 'admin'; url: string }>
  | Readonly<{ type: 'stopping'; signal: string; graceMs: number }>
  | Readonly<{ type: 'stopped'; inFlight: number }>
  /** Event-loop lag: whether new work is refused. */
  | Readonly<{ type: 'load_changed'; state: 'shedding' | 'calm'; lagMs: number }>
  /** One of the processes that share the port. */
  | Readonly<{
      type: 'worker_changed';
      worker: number;
      state: 'starting' | 'serving' | 'leaving' | 'gone';
      detail: string;
    }>
  | Readonly<{ type: 'profile_written'; file: string }>
  | Readonly<{ type: 'connection_cut'; reason: CutReason }>
  /** A request that was lost on a stale connection is sent once more. */
  | Readonly<{ type: 'retry_made'; routeId: RouteId | undefined; requestId: RequestId }>
  | Readonly<{ type: 'bug'; where: string; error: string }>;

/**
 * Why a client's connection was not let in, or cut: `crowded`, there are MAX_CONNECTIONS; `stalled`, it sent no request or took nothing of
 * its answer; `slow`, its upload dripped.
 */
export type CutReason = 'crowded' | 'stalled' | 'slow';
export const CUT_REASONS = ['crowded', 'stalled', 'slow'] as const satisfies readonly CutReason[];

/** The parts whose state `/readyz` tells. */
export type Part = 'store' | 'legacy' | 'table' | 'flags' | 'gateway' | 'rehearsals' | 'follow' | 'mover';
export const PARTS = [
  'store',
  'legacy',
  'table',
  'flags',
  'gateway',
  'rehearsals',
  'follow',
  'mover',
] as const satisfies readonly Part[];

/** How every room tells what happened. Never throws, never waits. */
export type Emit = (event: BanyanEvent) => void;

export type OneRequestEvent = Extract<
  BanyanEvent,
  { type: 'request_received' | 'decision_made' | 'request_finished' }
>;

/** Every request has three of these. They are counted and written down, and nobody else is told of them. */
export const isOfOneRequest = (event: BanyanEvent): event is OneRequestEvent =>
  event.type === 'request_finished' || event.type === 'request_received' || event.type === 'decision_made';
