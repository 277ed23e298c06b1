import type pg from 'pg';
import { printPosition, type RowState, type TenantId } from '../vocabulary/index.ts';
import {
  codeOf,
  findTrouble,
  isConnectionLoss,
  isLockTimeout,
  isWriteConflict,
  nameTrouble,
} from './database-errors.ts';
import { StateUnreachable } from './errors.ts';

/** How one transaction begins. */
export type Opening = Readonly<{
  /** Sent as one simple query, so that it costs one round trip. */
  sql: string;
  /** `when_sent`: the work's first statements follow right behind. */
  work: 'when_sent' | 'when_answered';
  /** How long its answer may take before the connection counts as lost. */
  patienceMs: number;
  /** Looks at what its statements answered; throws where the transaction is not to be. */
  judge?: (answers: readonly pg.QueryResult[]) => void;
  /** What an error among them means; undefined: the store cannot be asked. */
  explain?: (error: unknown) => Error | undefined;
  /** What an error of any later statement means to whoever waits for it. */
  name(error: unknown): unknown;
}>;

// Locks nothing and reads nothing: a server that is there answers at once.
const BEGIN_MS = 2_000;

// TimeZone, because the adapter takes every timestamptz that it reads for UTC.
export function openInEarnest(tenant: TenantId): Opening {
  return {
    sql: `BEGIN; SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true), set_config('TimeZone', 'UTC', true)`,
    work: 'when_sent',
    patienceMs: BEGIN_MS,
    name: nameTrouble,
  };
}

export type RehearsalWish = Readonly<{
  /** The state in which the handler finds the rows; undefined: as they are now. */
  at: RowState | undefined;
  manner: 'read_only' | 'read_write';
}>;

/**
 * One snapshot for everything, the rows taken back to the wished state, and from then on either no write at all or a note of each. The
 * nearer the `snapshot` is to that state, the less there is to take back. The name tells the follower which connections may be ended
 * when they stand in its way.
 */
export function openRehearsal(
  tenant: TenantId,
  { at, manner }: RehearsalWish,
  snapshot: string | undefined,
): Opening {
  const statements = [
    `BEGIN ISOLATION LEVEL REPEATABLE READ${snapshot === undefined ? '' : `; SET TRANSACTION SNAPSHOT '${snapshot}'`}`,
    `SELECT set_config('banyan.tenant_id', '${Number(tenant)}', true), set_config('TimeZone', 'UTC', true),
       set_config('banyan.note', 'rehearse', true), set_config('application_name', '${REHEARSAL_NAME}', true),
       set_config('lock_timeout', '${LOCK_MS}', true), set_config('statement_timeout', '${STATEMENT_MS}', true)`,
    ...(at ? [goBack(tenant, printPosition(at.position))] : []),
    ...(manner === 'read_only' ? ['SET TRANSACTION READ ONLY'] : []),
  ];
  return {
    sql: statements.join('; '),
    // Whether there is such a state is known then.
    work: 'when_answered',
    patienceMs: STATEMENT_MS + BEGIN_MS,
    judge: (answers) => at && judgeReturn(answers),
    explain: explainReturn,
    // A handler that writes where it may only read is to learn that, as from any database.
    name: (error) => (manner === 'read_only' && isReadOnly(error) ? error : nameTrouble(error)),
  };
}

export const REHEARSAL_NAME = 'banyan rehearsal';

/**
 * A rehearsal waits for nobody's lock longer than this, and its statements end long before the role's own limits would end them: what
 * users do goes first, and there is a next request to compare. Less than deadlock_timeout, so that it is the rehearsal that gives way;
 * less than Prisma's own wait for a beginning, so that it is PostgreSQL that says why.
 */
const LOCK_MS = 500;
const STATEMENT_MS = 4_000;

/** Changes that are taken back at most: see docs/following.md, Costs. */
export const MOST_UNDONE = 2_000;

type Return = Readonly<{ reached: boolean; kept: boolean; near: boolean; undone: number | null }>;

// Counted first, and no further than the limit: what is too far away is not begun.
function goBack(tenant: TenantId, position: string): string {
  const since = `SELECT FROM banyan.row_change c WHERE c.tenant_id = ${Number(tenant)} AND c.position > '${position}' LIMIT ${MOST_UNDONE + 1}`;
  return `
    WITH r AS MATERIALIZED (
      SELECT p.position >= '${position}' AS reached, GREATEST(p.forgotten_to, f.from_position) <= '${position}' AS kept,
        (SELECT count(*) FROM (${since}) s) <= ${MOST_UNDONE} AS near
      FROM banyan.followed_tenant f JOIN banyan.follow_position p USING (slot) WHERE f.tenant_id = ${Number(tenant)})
    SELECT reached, kept, near, CASE WHEN reached AND kept AND near THEN banyan.rewind('${position}') END AS undone FROM r`;
}

function judgeReturn(answers: readonly pg.QueryResult[]): void {
  const asked = answers.find(({ fields }) => fields.some(({ name }) => name === 'undone'));
  const found = asked?.rows[0] as Return | undefined;
  if (found === undefined) throw new StateUnreachable('not_followed');
  if (!found.reached) throw new StateUnreachable('behind');
  if (!found.kept) throw new StateUnreachable('forgotten');
  if (!found.near) throw new StateUnreachable('behind');
}

const isReadOnly = (error: unknown) => findTrouble(error) === 'read_only';

function explainReturn(error: unknown): Error | undefined {
  if (error instanceof StateUnreachable) return error;
  if (isConnectionLoss(error)) return undefined;
  // Not so near after all: its statement was ended.
  if (codeOf(error) === '57014') return new StateUnreachable('behind', error);
  // 22023, 42704: the snapshot is not held any more. 40001, 40P01: somebody else has changed the same rows.
  if (isWriteConflict(error) || isLockTimeout(error) || /^(22023|42704)$/.test(codeOf(error)))
    return new StateUnreachable('in_motion', error);
  // Class 23: a row is not as the journal left it. Only the new side's own writes do that.
  return codeOf(error).startsWith('23') ? new StateUnreachable('apart', error) : undefined;
}
