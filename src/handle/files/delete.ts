import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { requireFile } from './file.ts';

export async function deleteFile(exchange: Exchange): Promise<void> {
  await exchange.write(
    forUser(exchange, async (tx) => {
      const { id } = await requireFile(tx, exchange.params.id);
      // The chunks go with it: the foreign key cascades.
      await tx.filesFile.deleteMany({ where: { tenantId: tx.tenantId, id } });
    }),
  );
  await exchange.reply.empty(204);
}
