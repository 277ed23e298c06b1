/** The store cannot be used safely: start-up stops. Every finding is one sentence with its remedy. */
export class StoreRefusal extends Error {
  override readonly name = 'StoreRefusal';
  readonly findings: readonly string[];
  constructor(findings: readonly string[]) {
    super(
      findings.length === 1
        ? String(findings[0])
        : ['The new store cannot be used:', ...findings].join('\n- '),
    );
    this.findings = Object.freeze([...findings]);
  }
}

/**
 * `unreachable`: gone, going, or not up yet. `crowded`: no connection was free in time. `read_only`: it takes no writes, as the old server
 * after a failover. `failing`: its disk is full, its memory used up. `locked`: another transaction held what was needed for too long.
 * `conflict`: it asked for a repetition once too often.
 */
export type StoreTrouble = 'unreachable' | 'crowded' | 'read_only' | 'failing' | 'locked' | 'conflict';

/** The database cannot serve at the moment. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  readonly reason: StoreTrouble;
  /** True only where COMMIT was sent and its answer lost: then nobody knows. In all other cases nothing was written. */
  readonly mayHaveWritten: boolean;
  constructor(
    cause: unknown,
    {
      reason = 'unreachable',
      mayHaveWritten = false,
    }: { reason?: StoreTrouble; mayHaveWritten?: boolean } = {},
  ) {
    super(`The database cannot serve at the moment: ${reason}.`, { cause });
    this.reason = reason;
    this.mayHaveWritten = mayHaveWritten;
  }
}

/** The server ended a statement that took longer than `statement_timeout` allows. Nothing of its transaction is written. */
export class QueryTooSlow extends Error {
  override readonly name = 'QueryTooSlow';
  constructor(cause: unknown) {
    super('The database ended a statement that took too long (statement timeout).', { cause });
  }
}

/** No tenant of that name is in the registry. */
export class TenantUnknown extends Error {
  override readonly name = 'TenantUnknown';
  constructor(name: string) {
    super(`No tenant is named "${name}" in the new store.`);
  }
}

/**
 * The tenant's rows cannot be shown in the wished state. `behind`: legacy has not been followed so far yet, or so much has happened since
 * that the way back would take too long. `forgotten`: too long ago.
 * `not_followed`: nobody carries this tenant's rows over. `in_motion`: another transaction changed the same rows meanwhile.
 * `apart`: the new side has written rows of its own.
 */
export class StateUnreachable extends Error {
  override readonly name = 'StateUnreachable';
  readonly reason: 'behind' | 'forgotten' | 'not_followed' | 'in_motion' | 'apart';
  constructor(reason: StateUnreachable['reason'], cause?: unknown) {
    super(`The tenant's rows cannot be shown as they were: ${reason}.`, { cause });
    this.reason = reason;
  }
}

/** A bug in a handler: a query that does not say whose rows it means, or that names another tenant's. */
export class UnscopedQuery extends Error {
  override readonly name = 'UnscopedQuery';
}
