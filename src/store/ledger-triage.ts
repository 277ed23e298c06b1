import type pg from 'pg';
import type { GroupId, LedgerAudit, RouteId, TriageWish, Unlock } from '../vocabulary/index.ts';
import { askLedger } from './ledger-ask.ts';
import { cutText, LONGEST_PATH } from './ledger-group.ts';
import { STANDING } from './ledger-standing.ts';

const LONGEST_NAME = 200;
const LONGEST_REASON = 1_000;

// One statement: there is no word of anybody's without its line in the audit log.
const TRIAGE = `
  WITH said AS (
    UPDATE banyan.shadow_group SET triage = $2, triage_owner = $3, triage_reason = $4, triage_at = clock_timestamp(), triage_until = $5
    WHERE id = $1 RETURNING id, route, path
  ), noted AS (
    INSERT INTO banyan.shadow_audit (author, group_id, route, path, change, reason) SELECT $6, id, route, path, $7, $4 FROM said
  )
  SELECT id FROM said`;

/** False where there is no such group. */
export async function writeTriage(pool: pg.Pool, id: GroupId, wish: TriageWish): Promise<boolean> {
  const until = wish.state === 'accepted' ? new Date(wish.untilMs) : null;
  const change = until ? `accepted until ${until.toISOString()}` : wish.state;
  const rows = await askLedger(pool, TRIAGE, [
    id,
    wish.state,
    cutText(wish.owner, LONGEST_NAME),
    cutText(wish.reason, LONGEST_REASON),
    until,
    cutText(wish.author, LONGEST_NAME),
    `${change}, owner ${cutText(wish.owner, LONGEST_NAME)}`,
  ]);
  return rows.length > 0;
}

const UNLOCK = `
  INSERT INTO banyan.shadow_audit (author, group_id, route, path, change, reason, unlocked_until)
  SELECT $2, $1, g.route, g.path, $3, $4, $5 FROM (SELECT) AS always LEFT JOIN banyan.shadow_group g ON g.id = $1
  RETURNING group_id, author, reason, at, unlocked_until`;
const FIND_UNLOCK = `
  SELECT group_id, author, reason, at, unlocked_until FROM banyan.shadow_audit
  WHERE group_id = $1 AND unlocked_until > $2 ORDER BY unlocked_until DESC, id DESC LIMIT 1`;

type UnlockRow = { group_id: GroupId; author: string; reason: string; at: Date; unlocked_until: Date };

export async function writeUnlock(pool: pg.Pool, unlock: Omit<Unlock, 'atMs'>): Promise<Unlock> {
  const until = new Date(unlock.untilMs);
  const [row] = await askLedger<UnlockRow>(pool, UNLOCK, [
    unlock.group,
    cutText(unlock.author, LONGEST_NAME),
    `unlocked until ${until.toISOString()}`,
    cutText(unlock.reason, LONGEST_REASON),
    until,
  ]);
  if (!row) throw new Error('The ledger did not answer with the unlock that it took.');
  return readUnlock(row);
}

export async function findUnlock(pool: pg.Pool, group: GroupId, atMs: number): Promise<Unlock | undefined> {
  const [row] = await askLedger<UnlockRow>(pool, FIND_UNLOCK, [group, new Date(atMs)]);
  return row && readUnlock(row);
}

const readUnlock = (row: UnlockRow): Unlock =>
  Object.freeze({
    group: row.group_id,
    author: row.author,
    reason: row.reason,
    atMs: row.at.getTime(),
    untilMs: row.unlocked_until.getTime(),
  });

const NOTE = `
  INSERT INTO banyan.shadow_audit (author, group_id, route, path, change, reason)
  SELECT $1, $2, g.route, g.path, $3, $4 FROM (SELECT) AS always LEFT JOIN banyan.shadow_group g ON g.id = $2`;

export async function writeNote(pool: pg.Pool, line: Omit<LedgerAudit, 'atMs'>): Promise<void> {
  const { author, group, change, reason } = line;
  await askLedger(pool, NOTE, [
    cutText(author, LONGEST_NAME),
    group,
    cutText(change, LONGEST_REASON),
    cutText(reason, LONGEST_REASON),
  ]);
}

type AuditRow = { at: Date; author: string; group_id: GroupId; change: string; reason: string };

/** Newest first. */
export async function readAudit(pool: pg.Pool, limit: number): Promise<readonly LedgerAudit[]> {
  const rows = await askLedger<AuditRow>(
    pool,
    'SELECT at, author, group_id, change, reason FROM banyan.shadow_audit ORDER BY id DESC LIMIT $1',
    [limit],
  );
  return rows.map(({ at, author, group_id: group, change, reason }) =>
    Object.freeze({ atMs: at.getTime(), author, group, change, reason }),
  );
}

const MOST_NOISE = 1_000;
const MOST_AT_ONCE = 200;
const LEARN = `
  INSERT INTO banyan.shadow_noise AS n (route, path, first_at, last_at, times)
  SELECT $1, asked.path, at, at, 1
  FROM unnest($2::text[]) AS asked(path), LEAST(to_timestamp($3::float8 / 1000), clock_timestamp()) AS at
  WHERE (SELECT count(*) FROM banyan.shadow_noise WHERE route = $1) < ${MOST_NOISE}
    OR EXISTS (SELECT FROM banyan.shadow_noise k WHERE k.route = $1 AND k.path = asked.path)
  ORDER BY asked.path COLLATE "C"
  ON CONFLICT (route, path) DO UPDATE SET times = n.times + 1, last_at = GREATEST(n.last_at, excluded.last_at)`;

export async function writeNoise(pool: pg.Pool, route: RouteId, paths: readonly string[], atMs: number) {
  const cut = [...new Set(paths.map((path) => cutText(path, LONGEST_PATH)))].slice(0, MOST_AT_ONCE);
  if (cut.length > 0)
    await askLedger(pool, LEARN, [route, cut, Number.isFinite(atMs) ? Math.max(0, atMs) : 0]);
}

// Seen twice, or said by a person; but not where a person has said of that path that it is none.
const NOISE = `
  SELECT route, path FROM banyan.shadow_noise n WHERE times >= 2 AND NOT EXISTS (
    SELECT FROM banyan.shadow_group g WHERE g.route = n.route AND g.path = n.path AND g.triage IN ('open', 'bug'))
  UNION SELECT route, path FROM (${STANDING}) g WHERE triage = 'noise'
  ORDER BY route, path`;

export async function readNoise(
  pool: pg.Pool,
): Promise<readonly Readonly<{ route: RouteId; path: string }>[]> {
  const rows = await askLedger<{ route: RouteId; path: string }>(pool, NOISE);
  return rows.map(({ route, path }) => Object.freeze({ route, path }));
}
