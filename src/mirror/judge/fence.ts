import type {
  LegacyTransaction,
  NotComparedReason,
  Position,
  RowFollower,
  RowJournal,
  RowState,
  TenantName,
} from '../../vocabulary/index.ts';

/** What legacy did to a tenant's rows around one exchange: `before` is certain to be in its answer, nothing after `after` can be. */
export type Window = Readonly<{
  before: Position;
  after: Position;
  /** How long legacy's latest commit took to arrive here. */
  lagMs: number;
  /** In between, in the order of their commits: the answer may have seen the first n of them. */
  transactions: readonly LegacyTransaction[];
  /** What legacy had committed, as known here, at that moment. */
  heardBy(atMs: number): Position | undefined;
}>;

export type FenceWish = Readonly<{
  follower: RowFollower | undefined;
  journal: RowJournal;
  timeoutMs: number;
}>;

export type Fence = Readonly<{
  /** Why nothing can be compared whatever was answered; undefined where something can. */
  check(tenant: TenantName, tables: readonly string[]): Promise<NotComparedReason | undefined>;
  /** Answers the window around an exchange that began at `askedMs`, or why there is none. */
  open(tenant: TenantName, tables: readonly string[], askedMs: number): Promise<Window | NotComparedReason>;
}>;

export function openFence({ follower, journal, timeoutMs }: FenceWish): Fence {
  const check: Fence['check'] = async (tenant, tables) => {
    const standing = await journal.standing(tenant, tables);
    if (standing === 'apart') return 'rows_apart';
    return standing === 'not_followed' || follower === undefined ? 'rows_not_followed' : undefined;
  };
  const open: Fence['open'] = async (tenant, tables, askedMs) => {
    const obstacle = await check(tenant, tables);
    if (obstacle !== undefined || follower === undefined) return obstacle ?? 'rows_not_followed';
    // Before the mark: what is heard later must not be taken for heard.
    const before = follower.heardBy(askedMs);
    if (before === undefined) return 'rows_behind';
    const beganMs = performance.now();
    const after = await follower.catchUp(AbortSignal.timeout(timeoutMs)).catch(() => undefined);
    if (after === undefined) return 'rows_behind';
    const lagMs = performance.now() - beganMs;
    const transactions = await journal.between(tenant, before, after);
    // The new side may have written meanwhile.
    if ((await journal.standing(tenant, tables)) === 'apart') return 'rows_apart';
    return { before, after, lagMs, transactions, heardBy: (atMs) => follower.heardBy(atMs) };
  };
  return { check, open };
}

/** States that a reader may have seen, the likeliest first: all of the window's transactions, then one less, and so on. */
export function listReaderStates({ before, transactions, after }: Window, most: number): readonly RowState[] {
  const positions = [after];
  for (let i = transactions.length - 1; i >= 0; i -= 1)
    positions.push(transactions[i - 1]?.position ?? before);
  return positions.slice(0, most).map((position) => ({ position, nextIds: {} }));
}

/** One way to see a write: it began in `at`, and legacy's rows of it are among `transactions`. */
export type WriterState = Readonly<{ at: RowState; transactions: readonly LegacyTransaction[] }>;

/** Where a write may have begun: before each of the window's transactions, or after all of them without writing anything. */
export function listWriterStates(
  { before, after, transactions }: Window,
  most: number,
): readonly WriterState[] {
  const states = transactions.slice(0, most - 1).map((_, i) => {
    const own = transactions.slice(i);
    const position = transactions[i - 1]?.position ?? before;
    return { at: { position, nextIds: readNextIds(own) }, transactions: own };
  });
  const idle = { at: { position: after, nextIds: {} }, transactions: [] };
  return [...states, idle];
}

/** The first id that legacy gave out in each table. */
function readNextIds(transactions: readonly LegacyTransaction[]): Readonly<Record<string, number>> {
  const ids: Record<string, number> = {};
  for (const { rows } of transactions) {
    for (const { table, change, key } of rows) {
      const id: unknown = (JSON.parse(key) as { id?: unknown }).id;
      if (change === 'insert' && typeof id === 'number') ids[table] ??= id;
    }
  }
  return ids;
}
