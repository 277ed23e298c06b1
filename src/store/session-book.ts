import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { RowJournal, SessionBook, SessionRecord, TenantName } from '../vocabulary/index.ts';
import { ask, OVERLAP_MS } from './ask.ts';
import { TenantUnknown } from './errors.ts';
import type { TenantStore } from './rehearsal.ts';
import { readSessionUser } from './session-data.ts';
import type { TenantTransaction } from './transaction.ts';

const LONGEST_KEY = 40;
const TABLE = 'django_session';

/** Sessions begun on the new side (`django_session`), and the graves of all ended ones (`banyan.ended_session`). */
export function openSessionBook(
  pool: pg.Pool,
  scope: (tenant: TenantName, handler: string) => TenantStore,
  journal: Pick<RowJournal, 'standing'>,
): SessionBook {
  return {
    find: async (tenant, sessionKey) => {
      if (sessionKey.length === 0 || sessionKey.length > LONGEST_KEY || sessionKey.includes('\0'))
        return undefined;
      return scope(tenant, 'sessions.find')
        .within((tx) => findSession(tx, sessionKey))
        .catch(noneForUnknownTenant);
    },
    isEnded: async (tenant, sessionKey) => {
      const sql = 'SELECT 1 FROM banyan.ended_session WHERE tenant = $1 AND hash = $2';
      return (await ask(pool, sql, [tenant, hashKey(sessionKey)])).length > 0;
    },
    // The grave first: from then on no instance takes the session, even if the row could not be removed.
    end: async (tenant, sessionKey) => {
      await ask(
        pool,
        'INSERT INTO banyan.ended_session (tenant, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING',
        [tenant, hashKey(sessionKey)],
      );
      // A row that follows legacy's goes when legacy's goes. Taken away here, it would set the new side's rows apart from legacy's.
      if ((await journal.standing(tenant, [TABLE])) === 'followed') return;
      await scope(tenant, 'sessions.end')
        .within((tx) => dropSession(tx, sessionKey))
        .catch(noneForUnknownTenant);
    },
    endedSince: async (since) => {
      const from = new Date(since.getTime() - OVERLAP_MS);
      const rows = await ask<{ hash: string }>(
        pool,
        'SELECT hash FROM banyan.ended_session WHERE ended_at >= $1',
        [from],
      );
      return rows.map((row) => row.hash);
    },
  };
}

async function findSession(tx: TenantTransaction, sessionKey: string): Promise<SessionRecord | undefined> {
  const row = await tx.djangoSession.findUnique({
    where: { tenantId_sessionKey: { tenantId: tx.tenantId, sessionKey } },
    select: { sessionData: true, expireDate: true },
  });
  const user = row ? readSessionUser(row.sessionData) : undefined;
  const expiresAt = new Date(row?.expireDate ?? Number.NaN);
  return user !== undefined && expiresAt > new Date() ? Object.freeze({ user, expiresAt }) : undefined;
}

async function dropSession(tx: TenantTransaction, sessionKey: string): Promise<undefined> {
  if (sessionKey.includes('\0')) return;
  await tx.djangoSession.deleteMany({ where: { tenantId: tx.tenantId, sessionKey } });
}

// A tenant that has not been moved has no sessions here.
function noneForUnknownTenant(error: unknown): undefined {
  if (!(error instanceof TenantUnknown)) throw error;
}

function hashKey(sessionKey: string): string {
  return createHash('sha256').update(sessionKey).digest('hex');
}
