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

/** The database cannot be asked at the moment: unreachable, no free connection in time, or the connection broke. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  /** True only where COMMIT was sent and its answer lost: then nobody knows. In all other cases nothing was written. */
  readonly mayHaveWritten: boolean;
  constructor(cause: unknown, more: { readonly mayHaveWritten: boolean } = { mayHaveWritten: false }) {
    super('The database cannot be reached at the moment.', { cause });
    this.mayHaveWritten = more.mayHaveWritten;
  }
}

/** No tenant of that name is in the registry. */
export class TenantUnknown extends Error {
  override readonly name = 'TenantUnknown';
  constructor(name: string) {
    super(`No tenant is named "${name}" in the new store.`);
  }
}

/** A bug in a handler: a query that does not say whose rows it means, or that names another tenant's. */
export class UnscopedQuery extends Error {
  override readonly name = 'UnscopedQuery';
}

// Prisma's codes: P1001/P1002 unreachable, P1008 and P2024 waited in vain, P1017 closed, P2028 no transaction in time,
// P2037 too many connections.
const UNAVAILABLE = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037']);

export function isUnavailable(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return false;
  const code = codeOf(error);
  // 57P01..03: the server is going down, crashed, or not up yet. 25P03: it ended a transaction that did nothing for too long.
  const ended = UNAVAILABLE.has(code) || /^(57P0[123]|08...|25P03|E[A-Z]+)$/.test(code);
  return (
    ended ||
    /Connection terminated|not queryable|timeout exceeded when trying to connect|after calling end/.test(
      messageOf(error),
    )
  );
}

/** 40001 and 40P01: PostgreSQL asks for a repetition. Prisma calls both P2034. */
export function isWriteConflict(error: unknown): boolean {
  return /^(P2034|40001|40P01)$/.test(codeOf(error));
}

// Read by shape, not by class: errors come from Node, from pg and from Prisma.
export function codeOf(error: unknown): string {
  return readText(error, 'code');
}

export function messageOf(error: unknown): string {
  return readText(error, 'message');
}

function readText(error: unknown, key: string): string {
  const text: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, key) : undefined;
  return typeof text === 'string' ? text : '';
}
