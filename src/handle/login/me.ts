import type { Exchange } from '../exchange.ts';
import { missingIdentity } from '../wire/refusal.ts';
import { showUser } from './user.ts';

export async function showCaller(exchange: Exchange): Promise<void> {
  const { caller } = exchange;
  if (caller.kind === 'anonymous') throw missingIdentity();
  const id: number = caller.user;
  const user = await exchange.read((tx) =>
    tx.authUser.findFirst({ where: { tenantId: tx.tenantId, id, isActive: true } }),
  );
  if (!user) throw missingIdentity();
  await exchange.reply.json(200, showUser(user));
}
