import type pg from 'pg';
import type { KeyBook, KeyRecord, TenantName, UserId } from '../vocabulary/index.ts';
import { ask, OVERLAP_MS } from './ask.ts';

type Row = {
  id: string;
  hash: string;
  tenant: string;
  user_id: number;
  scopes: string[];
  label: string;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
};

const COLUMNS = 'id, hash, tenant, user_id, scopes, label, created_at, expires_at, revoked_at';

/** API keys in `banyan.api_key`: only their hashes. */
export function openKeyBook(pool: pg.Pool): KeyBook {
  return {
    find: async (hash) =>
      first(await ask<Row>(pool, `SELECT ${COLUMNS} FROM banyan.api_key WHERE hash = $1`, [hash])),
    add: async (key) => {
      await ask(pool, `INSERT INTO banyan.api_key (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, [
        key.id,
        key.hash,
        key.tenant,
        key.user,
        key.scopes,
        key.label,
        key.createdAt,
        key.expiresAt,
        key.revokedAt,
      ]);
    },
    list: async () =>
      (await ask<Row>(pool, `SELECT ${COLUMNS} FROM banyan.api_key ORDER BY created_at, id`)).map(readKey),
    revoke: async (id, at) =>
      first(
        await ask<Row>(
          pool,
          `UPDATE banyan.api_key SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1 RETURNING ${COLUMNS}`,
          [id, at],
        ),
      ),
    revokedSince: async (since) => {
      const from = new Date(since.getTime() - OVERLAP_MS);
      const rows = await ask<{ hash: string }>(
        pool,
        'SELECT hash FROM banyan.api_key WHERE revoked_at >= $1',
        [from],
      );
      return rows.map((row) => row.hash);
    },
  };
}

function first(rows: readonly Row[]): KeyRecord | undefined {
  return rows[0] && readKey(rows[0]);
}

// The names and numbers were parsed before they were written.
function readKey(row: Row): KeyRecord {
  return Object.freeze({
    id: row.id,
    hash: row.hash,
    tenant: row.tenant as TenantName,
    user: row.user_id as UserId,
    scopes: row.scopes,
    label: row.label,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
  });
}
