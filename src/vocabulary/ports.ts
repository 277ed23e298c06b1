import type { Revision, TenantName, UserId } from './ids.ts';

/** What the store keeps of an API key: never the key itself. */
export type KeyRecord = Readonly<{
  /** Public: `byn_<env>_` and the first 8 characters of the random part. Shown in lists and logs. */
  id: string;
  /** SHA-256 of the whole key, hex. */
  hash: string;
  tenant: TenantName;
  user: UserId;
  scopes: readonly string[];
  label: string;
  createdAt: Date;
  expiresAt: Date | undefined;
  revokedAt: Date | undefined;
}>;

/** API keys at rest. Implemented by store, used by admit (find) and operate (the rest). */
export interface KeyBook {
  find(hash: string): Promise<KeyRecord | undefined>;
  add(record: KeyRecord): Promise<void>;
  list(): Promise<readonly KeyRecord[]>;
  /** Answers the record as it is afterwards, or undefined where no key has that id. Revoking twice is no error. */
  revoke(id: string, at: Date): Promise<KeyRecord | undefined>;
  /** Hashes of keys revoked since `since`: how every instance learns of it within 2 s. */
  revokedSince(since: Date): Promise<readonly string[]>;
}

export type SessionRecord = Readonly<{ user: UserId; expiresAt: Date }>;

/**
 * Sessions (Django's `sessionid`) as the new side keeps them, and the graves of ended ones, whichever side began them.
 * Session keys are hashed (SHA-256, hex) before they are stored as graves.
 */
export interface SessionBook {
  find(tenant: TenantName, sessionKey: string): Promise<SessionRecord | undefined>;
  /** True once `end` was called for it, on any instance. */
  isEnded(tenant: TenantName, sessionKey: string): Promise<boolean>;
  end(tenant: TenantName, sessionKey: string): Promise<void>;
  /** Hashes ended since `since`: how other instances drop them from their caches. */
  endedSince(since: Date): Promise<readonly string[]>;
}

/** One line of the audit log: who changed what, why, and what the table was before and after. */
export type FlipRecord = Readonly<{
  id: number;
  at: Date;
  author: string;
  reason: string;
  /** A route id or a feature name. */
  subject: string;
  /** What was asked for, as a person reads it: `canary 10 % acme`. */
  change: string;
  before: Revision;
  after: Revision;
  /** The id of the flip that this one takes back. */
  undoes: number | undefined;
}>;

export interface FlipLog {
  /** `beforeText` and `afterText` are the whole source of truth (the YAML text) on each side of the flip: undo puts `beforeText` back. */
  add(
    flip: Omit<FlipRecord, 'id' | 'at'> & Readonly<{ beforeText: string; afterText: string }>,
  ): Promise<FlipRecord>;
  /** Newest first. */
  list(limit: number): Promise<readonly FlipRecord[]>;
  /** The newest flip that is neither an undo nor undone, with its texts. */
  lastStanding(): Promise<(FlipRecord & Readonly<{ beforeText: string; afterText: string }>) | undefined>;
}
