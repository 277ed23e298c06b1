import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { boundPage, readPageWish, showPage } from '../wire/cursor-page.ts';
import { requireChannel } from './channels.ts';
import { showMessage } from './message.ts';

export async function listMessages(exchange: Exchange): Promise<void> {
  const { wish, rows } = await exchange.read(
    forUser(exchange, async (tx) => {
      const channelId = await requireChannel(tx, exchange.params.id);
      const wish = readPageWish(exchange.query);
      const { where, orderBy, take } = boundPage(wish);
      const found = { tenantId: tx.tenantId, channelId, ...where };
      return { wish, rows: await tx.chatMessage.findMany({ where: found, orderBy, take }) };
    }),
  );
  await exchange.reply.json(200, showPage(wish, rows, exchange.base, showMessage));
}
