import type { Branded, RequestId, RouteId, TenantName } from './ids.ts';

/** How a route's answers are compared; made from the table's `mirror:`. Pointers as `Difference.path` has them. */
export type MirrorRules = Readonly<{
  /** Share of the requests of which a copy is taken: 0 to 100. */
  percent: number;
  /** Not compared, with everything below. */
  ignore: readonly string[];
  /** Lists whose order does not matter; `by` points to what names an item, where it has a name. */
  unordered: readonly Readonly<{ list: string; by: string | undefined }>[];
  /** How far numbers may be apart. */
  tolerance: readonly Readonly<{ pointer: string; within: number }>[];
  /** Values that differ each time: equal where both have the format. */
  equal: readonly Readonly<{ pointer: string; format: ValueFormat }>[];
  /** Names of the headers that are compared, lower case; undefined: the usual ones. */
  headers: readonly string[] | undefined;
  /** Fields whose values may be kept in clear text; of all others only their shape is. */
  clear: readonly string[];
}>;

/** `token`: same length, same kinds of characters. `any`: anything of the same JSON type. */
export type ValueFormat = 'time' | 'date' | 'uuid' | 'token' | 'digits' | 'number' | 'url' | 'any';
export const VALUE_FORMATS = [
  'time',
  'date',
  'uuid',
  'token',
  'digits',
  'number',
  'url',
  'any',
] as const satisfies readonly ValueFormat[];

export const DEFAULT_MIRROR_RULES: MirrorRules = Object.freeze({
  percent: 100,
  ignore: Object.freeze([]),
  unordered: Object.freeze([]),
  tolerance: Object.freeze([]),
  equal: Object.freeze([]),
  headers: undefined,
  clear: Object.freeze([]),
});

/** What became of one comparison. */
export type Verdict = 'same' | 'different' | 'not_compared';
export const VERDICTS = ['same', 'different', 'not_compared'] as const satisfies readonly Verdict[];

/** Why a copy was taken and yet nothing was compared. A closed list: docs/shadow.md says what each means. */
export type NotComparedReason =
  | 'body_too_large'
  | 'answer_broken'
  | 'too_complex'
  | 'legacy_failed'
  | 'new_too_slow'
  | 'legacy_too_slow'
  | 'rows_not_followed'
  | 'rows_apart'
  | 'rows_behind'
  | 'rows_in_motion'
  | 'concurrent_write'
  | 'store_unavailable'
  | 'shadow_failed';
export const NOT_COMPARED_REASONS = [
  'body_too_large',
  'answer_broken',
  'too_complex',
  'legacy_failed',
  'new_too_slow',
  'legacy_too_slow',
  'rows_not_followed',
  'rows_apart',
  'rows_behind',
  'rows_in_motion',
  'concurrent_write',
  'store_unavailable',
  'shadow_failed',
] as const satisfies readonly NotComparedReason[];

/** Why no copy was taken, or a copy was given up before anyone looked at it. A metric label. */
export type DropReason = 'busy' | 'budget' | 'queue_full' | 'bytes_full' | 'rehearsals_down' | 'stopping';
export const DROP_REASONS = [
  'busy',
  'budget',
  'queue_full',
  'bytes_full',
  'rehearsals_down',
  'stopping',
] as const satisfies readonly DropReason[];

export type DifferenceKind = 'missing' | 'extra' | 'type' | 'value' | 'order' | 'precision';
export const DIFFERENCE_KINDS = [
  'missing',
  'extra',
  'type',
  'value',
  'order',
  'precision',
] as const satisfies readonly DifferenceKind[];

/** A value without the value: enough to see what kind of disagreement it is. */
export type ValueShape = Readonly<{
  type: 'absent' | 'null' | 'boolean' | 'number' | 'string' | 'list' | 'object' | 'bytes';
  /** Characters of a string or of a number's text, items of a list or an object, bytes. */
  length?: number;
  /** 16 hex digits of a keyed hash: equal values have equal hashes, and nothing else can be told from it. */
  hash?: string;
  /** The value itself as JSON text: only where the table names the field (`clear`), and always for statuses. */
  clear?: string;
}>;

// Paths of differences are one of
//   status
//   header:content-type
//   cookie:sessionid           its value; cookie:sessionid;path is an attribute of it
//   body                       all of it, where it is no JSON or of another type altogether
//   /results/*/id              a JSON pointer into the body (RFC 6901), with * for places in lists
//   rows:chat_message          a whole row
//   rows:chat_message/body     a column of it, and below a jsonb column on as a pointer
// An event stream is a list of events {event, id, data}: /*/data/delta.

/** One typed disagreement at one place, as it is kept. `missing`: the new side lacks it; `extra`: legacy does. */
export type Difference = Readonly<{
  path: string;
  kind: DifferenceKind;
  legacy: ValueShape;
  new: ValueShape;
}>;

/** 12 hex digits of the SHA-256 of a group's route, path, kind and types: the same everywhere. */
export type GroupId = Branded<string, 'GroupId'>;
export const parseGroupId = (value: unknown): GroupId | undefined =>
  typeof value === 'string' && /^[0-9a-f]{12}$/.test(value) ? (value as GroupId) : undefined;

/** A sample that was kept of a difference: two answers by their shapes. */
export type NewSample = Readonly<{
  requestId: RequestId;
  tenant: TenantName;
  method: string;
  /** The path template's parameters are in clear text; the query is not kept. */
  path: string;
  statuses: Readonly<{ legacy: number; new: number }>;
  /** Both answers as skeletons: JSON text of objects and lists with ValueShapes for leaves; at most 32 KiB each. */
  skeletons: Readonly<{ legacy: string; new: string }>;
  /** Every difference of this comparison, those of other groups, too; at most 50. */
  differences: readonly Difference[];
  /** Effects outside the database that the rehearsal recorded and did not carry out, in words: `ai_asked`. */
  effects: readonly string[];
  /** What `replay` and an unlock need (request, clear values), encrypted; undefined where nothing could be kept. */
  sealed: Uint8Array | undefined;
  replay: 'possible' | 'unsafe_method' | 'holds_a_secret' | 'no_key' | 'too_large';
}>;

/** What the ledger is told of one comparison. */
export type LedgerEntry = Readonly<{
  atMs: number;
  route: RouteId;
}> &
  (
    | Readonly<{ verdict: 'same' }>
    | Readonly<{ verdict: 'not_compared'; reason: NotComparedReason }>
    | Readonly<{
        verdict: 'different';
        /** At least one. */
        differences: readonly Difference[];
        /** Paths among them at which legacy disagreed with itself in this very comparison. */
        noisy: readonly string[];
        sample: NewSample;
      }>
  );

/** What people (or legacy itself) have said of a group. */
export type Triage =
  | Readonly<{ state: 'open' }>
  | Readonly<{ state: 'bug'; owner: string; reason: string; atMs: number }>
  /** Does not count until `untilMs`. */
  | Readonly<{ state: 'accepted'; owner: string; reason: string; atMs: number; untilMs: number }>
  /** Never counts. `legacy`: legacy was seen to differ with itself there. */
  | Readonly<{ state: 'noise'; owner: string; reason: string; atMs: number; learned: 'by_hand' | 'legacy' }>;

/** Differences of one route at one path of one kind between values of the same types. */
export type DiffGroup = Readonly<{
  id: GroupId;
  route: RouteId;
  path: string;
  kind: DifferenceKind;
  /** `string → null` */
  types: string;
  /** Comparisons that showed it, in the time asked about. */
  count: number;
  firstMs: number;
  lastMs: number;
  triage: Triage;
  /** True while it makes a comparison count as different. */
  counts: boolean;
  samples: number;
}>;

/** What is known of one route in the time asked about. Each comparison counts once. */
export type RouteTally = Readonly<{
  route: RouteId;
  same: number;
  /** With at least one group that counts. */
  different: number;
  /** With differences, all of them accepted. */
  accepted: number;
  /** With differences, all of them noise, or noise and accepted. */
  noise: number;
  notCompared: Readonly<Partial<Record<NotComparedReason, number>>>;
  firstMs: number;
  lastMs: number;
}>;

export type KeptSample = NewSample &
  Readonly<{ id: string; atMs: number; route: RouteId; groups: readonly GroupId[] }>;

/** What is asked of the ledger. Times in ms since the epoch. */
export type LedgerQuery = Readonly<{ sinceMs: number; route?: RouteId | undefined }>;

export type TriageWish =
  | Readonly<{ state: 'open' | 'bug' | 'noise'; author: string; owner: string; reason: string }>
  | Readonly<{ state: 'accepted'; author: string; owner: string; reason: string; untilMs: number }>;

/** Who looks at clear values, why, and until when. */
export type Unlock = Readonly<{
  group: GroupId;
  author: string;
  reason: string;
  atMs: number;
  untilMs: number;
}>;

/** Where verdicts are kept, in Postgres; what several instances add adds up. Implemented by store. */
export interface DiffLedger {
  add(entries: readonly LedgerEntry[]): Promise<void>;
  /** Legacy was seen to differ with itself at these paths, in a comparison of it with itself. */
  learnNoise(route: RouteId, paths: readonly string[], atMs: number): Promise<void>;
  /** Paths that are noise, learned or by hand: how every instance knows. */
  listNoise(): Promise<readonly Readonly<{ route: RouteId; path: string }>[]>;
  tally(query: LedgerQuery): Promise<readonly RouteTally[]>;
  /** Those that count first, then by count. */
  listGroups(query: LedgerQuery): Promise<readonly DiffGroup[]>;
  findGroup(id: GroupId): Promise<DiffGroup | undefined>;
  /** Newest first. */
  listSamples(
    of: Readonly<{ group: GroupId }> | Readonly<{ route: RouteId }>,
    limit: number,
  ): Promise<readonly KeptSample[]>;
  findSample(id: string): Promise<KeptSample | undefined>;
  /** Undefined where there is no such group. Written to the audit log of the ledger, as unlocks are. */
  triage(id: GroupId, wish: TriageWish): Promise<DiffGroup | undefined>;
  unlock(unlock: Omit<Unlock, 'atMs'>): Promise<Unlock>;
  /** The unlock in force, if any. */
  findUnlock(group: GroupId, atMs: number): Promise<Unlock | undefined>;
  /** Adds a line to the audit log: clear values were looked at. */
  note(line: Omit<LedgerAudit, 'atMs'>): Promise<void>;
  listAudit(limit: number): Promise<readonly LedgerAudit[]>;
  /** Makes the days ahead and drops what is older than `days`. */
  keepDays(days: number): Promise<void>;
}

export type LedgerAudit = Readonly<{
  atMs: number;
  author: string;
  group: GroupId;
  /** `accepted until 2026-12-01`, `unlocked until …`: a sentence's end. */
  change: string;
  reason: string;
}>;

/** One sample, run again on both sides. */
export type Replayed = Readonly<{ sample: string; route: RouteId }> &
  (
    | Readonly<{ verdict: 'same' }>
    | Readonly<{ verdict: 'different'; differences: readonly Difference[] }>
    | Readonly<{
        verdict: 'not_compared';
        reason: NotComparedReason | Exclude<NewSample['replay'], 'possible'>;
      }>
  );

/** Implemented by mirror, used by operate. */
export interface Replays {
  replay(samples: readonly KeptSample[]): Promise<readonly Replayed[]>;
  /** The values behind a sample's differences, in clear text, by path; undefined where they were not kept. Audited by the caller. */
  reveal(sample: KeptSample): Promise<readonly Revealed[] | undefined>;
}

export type Revealed = Readonly<{ path: string; legacy: string; new: string }>;
