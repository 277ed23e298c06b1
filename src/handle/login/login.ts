import { randomInt } from 'node:crypto';
import { now } from '../clock.ts';
import type { Exchange } from '../exchange.ts';
import { readCookie, SESSION_S, writeCsrfCookie, writeSessionCookie } from '../wire/cookies.ts';
import { readFields, text } from '../wire/fields.ts';
import { readJsonBody } from '../wire/json-body.ts';
import { Refusal, refuseField } from '../wire/refusal.ts';
import { checkPassword } from './password.ts';
import { encodeSession } from './session-data.ts';
import { isSessionKey } from './session-key.ts';
import { showUser } from './user.ts';

const FIELDS = { username: text({ longest: 150 }), password: text({ longest: 128, keepSpace: 'keep' }) };
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const SESSION_KEY_LETTERS = LOWER + DIGITS;
const TOKEN_LETTERS = LOWER + LOWER.toUpperCase() + DIGITS;

export async function logIn(exchange: Exchange, secretKey: string): Promise<void> {
  const user = await findUser(exchange);
  const key = randomText(SESSION_KEY_LETTERS);
  const nowMs = Date.now();
  const sessionData = encodeSession(user, secretKey, nowMs);
  const before = readSessionKey(exchange);
  const dropped = await exchange.write(async (tx) => {
    const { tenantId } = tx;
    await tx.authUser.update({
      where: { tenantId_id: { tenantId, id: user.id } },
      data: { lastLogin: now() },
    });
    const { count } = before
      ? await tx.djangoSession.deleteMany({ where: { tenantId, sessionKey: before } })
      : { count: 0 };
    const expireDate = new Date(nowMs + SESSION_S * 1000).toISOString();
    await tx.djangoSession.create({ data: { tenantId, sessionKey: key, sessionData, expireDate } });
    return count > 0;
  });
  if (before && dropped) await exchange.effects.endSession(exchange.tenant, before);
  const cookies = [writeCsrfCookie(randomText(TOKEN_LETTERS), nowMs), writeSessionCookie(key, nowMs)];
  await exchange.reply.json(200, showUser(user), [['Set-Cookie', cookies]]);
}

async function findUser(exchange: Exchange) {
  const body = await readJsonBody(exchange.body, exchange.header('content-type'));
  const given = body instanceof Refusal ? body : readFields(body, FIELDS);
  if (given instanceof Refusal) throw given;
  const user = await exchange.read((tx) =>
    tx.authUser.findFirst({ where: { tenantId: tx.tenantId, username: given.username } }),
  );
  // Outside the transaction, and also where there is no such user, so that the time taken tells nothing.
  const fits = await checkPassword(given.password, user?.password);
  if (!user?.isActive || !fits)
    throw refuseField('non_field_errors', 'Unable to log in with provided credentials.');
  return user;
}

export function readSessionKey(exchange: Exchange): string | undefined {
  const key = readCookie(exchange.header('cookie'), 'sessionid');
  return key !== undefined && isSessionKey(key) ? key : undefined;
}

function randomText(letters: string): string {
  return Array.from({ length: 32 }, () => letters[randomInt(letters.length)]).join('');
}
