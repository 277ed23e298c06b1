import type { Pool } from 'undici';
import { parseUserId, SESSION_PATH, type SessionRecord, type TenantName } from '../vocabulary/index.ts';

export type SessionQuestion = Readonly<{
  tenant: TenantName;
  host: string;
  sessionKey: string;
  headers: readonly string[];
}>;

const PATIENCE_MS = 5_000;

/** Asks legacy whose session this is; `headers` carry the gateway's own tag. Throws where legacy cannot say. */
export async function askSession(pool: Pool, question: SessionQuestion): Promise<SessionRecord | undefined> {
  const answer = await pool.request({
    path: SESSION_PATH,
    method: 'POST',
    headers: ['host', question.host, 'content-type', 'application/json', ...question.headers],
    body: JSON.stringify({ session_key: question.sessionKey }),
    headersTimeout: PATIENCE_MS,
    bodyTimeout: PATIENCE_MS,
  });
  const text = await answer.body.text();
  if (answer.statusCode === 404) return undefined;
  if (answer.statusCode !== 200)
    throw new Error(`legacy answered ${answer.statusCode} when asked about a session`);
  return readSession(JSON.parse(text));
}

function readSession(value: unknown): SessionRecord {
  const { user_id, expires_at } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const user = parseUserId(user_id);
  const expiresAt = new Date(String(expires_at));
  if (user === undefined || Number.isNaN(expiresAt.getTime()))
    throw new Error('legacy answered about a session in an unknown shape');
  return { user, expiresAt };
}
