import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { PUBLISHED, showFile } from './file.ts';

const MOST_ROWS = 1000;

export async function listFiles(exchange: Exchange): Promise<void> {
  const files = await exchange.read(
    forUser(exchange, (tx) => {
      const where = { tenantId: tx.tenantId, ...PUBLISHED };
      return tx.filesFile.findMany({ where, orderBy: { id: 'asc' }, take: MOST_ROWS });
    }),
  );
  await exchange.reply.json(200, files.map(showFile));
}
