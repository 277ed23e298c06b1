import { decodeSession, hashForSession } from '../accounts/session-data.ts';
import { findUser } from '../accounts/users.ts';
import type { Connection } from '../database/connection.ts';
import { AnswerInstead, json, page } from '../web/answers.ts';
import { readId, readJson } from '../web/body.ts';
import { readFields, text } from '../web/fields.ts';
import { renderTime } from '../web/json.ts';
import type { Ask, View } from '../web/view.ts';

const SESSION_SCOPE = 'banyan.session';

/** The gateway's own question, whose session is this? No client's credential can carry the scope. */
export const session: View = {
  name: 'Banyan Session',
  takes: 'anybody',
  parses: 'application/json',
  methods: {
    POST: (ask) =>
      ask.within(async (db) => {
        const { tag } = ask;
        if (tag.user !== undefined || !tag.scopes.includes(SESSION_SCOPE)) throw new AnswerInstead(page(403));
        const { session_key } = readFields(readJson(ask), { session_key: text({ max: 40 }) });
        const found = await findSession(ask, db, session_key);
        return found
          ? json(200, { user_id: found.id, expires_at: renderTime(found.expire_date) })
          : json(404, {});
      }),
  },
};

type SessionRow = Readonly<{ session_data: string; expire_date: string }>;

async function findSession(ask: Ask, db: Connection, key: string) {
  const sql =
    'SELECT session_data, expire_date FROM django_session WHERE session_key = $1 AND expire_date > now()';
  const [row] = await db.query<SessionRow>(sql, [key]);
  const data = row && decodeSession(row.session_data, ask.house.secretKey);
  const user = data && (await findUser(db, readId(data._auth_user_id)));
  // A changed password ends the sessions that began with the old one.
  if (!row || !user || data?._auth_user_hash !== hashForSession(user.password, ask.house.secretKey))
    return undefined;
  return { id: user.id, expire_date: row.expire_date };
}
