import type { Exchange } from '../exchange.ts';
import { DELETED_SESSION_COOKIE } from '../wire/cookies.ts';
import { readSessionKey } from './login.ts';

export async function logOut(exchange: Exchange): Promise<void> {
  const sessionKey = readSessionKey(exchange);
  if (sessionKey) {
    await exchange.write((tx) =>
      tx.djangoSession.deleteMany({ where: { tenantId: tx.tenantId, sessionKey } }),
    );
    // It may have begun on the other side: only this ends it there, too.
    await exchange.effects.endSession(exchange.tenant, sessionKey);
  }
  await exchange.reply.empty(204, [['Set-Cookie', [DELETED_SESSION_COOKIE]]]);
}
