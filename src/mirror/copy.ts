import type {
  Asked,
  BanyanEvent,
  Failure,
  KeptSample,
  LedgerEntry,
  Replayed,
  RequestId,
  Revealed,
  RouteId,
  Side,
  SideAnswer,
  TenantName,
} from '../vocabulary/index.ts';

/** One exchange that has passed by, for the rehearsal process: what was asked, and what the user was answered. */
export type Copy = Readonly<{
  /** Counts up within this gateway process. */
  number: number;
  asked: Asked;
  answer: SideAnswer;
  /** Who answered the user. */
  primary: Side;
}>;

/** From the gateway to its rehearsal process. */
export type ToRehearsals =
  | Readonly<{ kind: 'copy'; copy: Copy }>
  | Readonly<{ kind: 'legacy_answered'; question: number; answer: SideAnswer | Failure }>
  | Readonly<{ kind: 'alone_answered'; question: number; alone: 'alone' | 'in_company' }>
  /** What the gateway itself has to put on record: copies that were lost with an earlier process. */
  | Readonly<{ kind: 'record'; entries: readonly LedgerEntry[] }>
  | Readonly<{ kind: 'replay'; question: number; samples: readonly KeptSample[] }>
  | Readonly<{ kind: 'reveal'; question: number; sample: KeptSample }>
  | Readonly<{ kind: 'close' }>;

/** And back. */
export type FromRehearsals =
  | Readonly<{ kind: 'ready' }>
  /** Sent all the time: a process that is silent for too long is replaced. `cores`: how many it has kept busy since it last said so. */
  | Readonly<{ kind: 'alive'; cores: number }>
  /** `usedMs`: the processor time that was used for copies since the last one was judged. */
  | Readonly<{ kind: 'judged'; number: number; usedMs: number }>
  | Readonly<{ kind: 'ask_legacy'; question: number; asked: Asked }>
  /** Did the tenant have one write only on its way to legacy between these moments (ms since the epoch)? */
  | Readonly<{ kind: 'ask_alone'; question: number; tenant: TenantName; fromMs: number; toMs: number }>
  | Readonly<{ kind: 'replayed'; question: number; results: readonly Replayed[] | string }>
  | Readonly<{ kind: 'revealed'; question: number; values: readonly Revealed[] | undefined | string }>
  | Readonly<{ kind: 'event'; event: BanyanEvent }>
  | Readonly<{ kind: 'closed' }>;

/** A connection to a rehearsal process. */
export interface RehearsalLink {
  send(message: ToRehearsals): void;
  /** Ends it at once. */
  kill(): void;
}

/** Starts a rehearsal process; `closed` is called once, with a sentence, when it has gone for whatever reason. */
export type StartRehearsals = (
  hears: (message: FromRehearsals) => void,
  closed: (detail: string) => void,
) => RehearsalLink;

export type CopyRef = Readonly<{ number: number; route: RouteId; requestId: RequestId; bytes: number }>;
