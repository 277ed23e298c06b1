import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { boundPage, readPageWish, showPage } from '../wire/cursor-page.ts';
import { readPathId } from '../wire/path-id.ts';
import { missingRow } from '../wire/refusal.ts';
import { showJobRow } from './job.ts';

export async function listJobs(exchange: Exchange): Promise<void> {
  const { wish, rows } = await exchange.read(
    forUser(exchange, async (tx) => {
      const wish = readPageWish(exchange.query);
      const { where, orderBy, take } = boundPage(wish);
      const rows = await tx.aiJob.findMany({ where: { tenantId: tx.tenantId, ...where }, orderBy, take });
      return { wish, rows };
    }),
  );
  await exchange.reply.json(200, showPage(wish, rows, exchange.base, showJobRow));
}

export async function showJob(exchange: Exchange): Promise<void> {
  const job = await exchange.read(
    forUser(exchange, (tx) => {
      const id = readPathId(exchange.params.id);
      return tx.aiJob.findFirst({ where: { tenantId: tx.tenantId, id } });
    }),
  );
  if (!job) throw missingRow();
  await exchange.reply.json(200, showJobRow(job));
}
