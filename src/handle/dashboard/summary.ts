import type { TenantTransaction } from '../../store/index.ts';
import type { Exchange } from '../exchange.ts';
import { PUBLISHED } from '../files/file.ts';
import { forUser } from '../view.ts';
import { float, type Json } from '../wire/json-text.ts';
import { roundToFourPlaces } from '../wire/python-text.ts';

const DAYS = 7;

export async function showSummary(exchange: Exchange): Promise<void> {
  const summary = await exchange.read(
    forUser(exchange, async (tx) => ({
      users: await tx.authUser.count({ where: { tenantId: tx.tenantId } }),
      ...(await sumJobs(tx)),
      chat: await sumChat(tx),
      files: await sumFiles(tx),
      messages_per_day: await countPerDay(tx),
    })),
  );
  const { users, ai, chat, files, messages_per_day, average_temperature } = summary;
  const tenant = exchange.tenant;
  await exchange.reply.json(200, { tenant, users, ai, chat, files, messages_per_day, average_temperature });
}

type JobTotals = Readonly<{ jobs: number; tokens: bigint; cost: string; average: number | null }>;

// Temperatures are added up in the order of their ids, as legacy does: a sum of floats depends on it.
async function sumJobs(tx: TenantTransaction): Promise<{ ai: Json; average_temperature: Json }> {
  const [total] = await tx.$queryRaw<JobTotals[]>`
    SELECT count(*)::int AS jobs, coalesce(sum(prompt_tokens + completion_tokens), 0)::bigint AS tokens,
      coalesce(sum(cost), 0)::numeric(20, 4)::text AS cost, sum(temperature ORDER BY id) / nullif(count(*), 0) AS average
    FROM ai_job WHERE tenant_id = ${tx.tenantId}::int`;
  const { jobs, tokens, cost, average } = total ?? { jobs: 0, tokens: 0n, cost: '0.0000', average: null };
  return {
    ai: { jobs, tokens, cost, by_status: await countByStatus(tx) },
    average_temperature: average === null ? null : float(roundToFourPlaces(average)),
  };
}

async function countByStatus(tx: TenantTransaction): Promise<Json> {
  const states = await tx.aiJob.groupBy({ by: ['status'], where: { tenantId: tx.tenantId }, _count: true });
  const sorted = states.toSorted((a, b) => (a.status < b.status ? -1 : 1));
  return Object.fromEntries(sorted.map(({ status, _count }) => [status, _count]));
}

async function sumChat(tx: TenantTransaction): Promise<Json> {
  const where = { tenantId: tx.tenantId };
  const [top] = await tx.chatMessage.groupBy({
    by: ['channelId'],
    where,
    _count: { id: true },
    orderBy: [{ _count: { id: 'desc' } }, { channelId: 'asc' }],
    take: 1,
  });
  const channels = await tx.chatChannel.count({ where });
  const messages = await tx.chatMessage.count({ where });
  const channel = top && (await tx.chatChannel.findFirst({ where: { ...where, id: top.channelId } }));
  const busiest = channel ? { id: channel.id, name: channel.name, messages: top._count.id } : null;
  return { channels, messages, busiest };
}

async function sumFiles(tx: TenantTransaction): Promise<Json> {
  const where = { tenantId: tx.tenantId, ...PUBLISHED };
  const total = await tx.filesFile.aggregate({ where, _count: true, _sum: { size: true } });
  return { count: total._count, bytes: total._sum.size ?? 0 };
}

async function countPerDay(tx: TenantTransaction): Promise<Json> {
  const days = await tx.$queryRaw<{ day: string; count: number }[]>`
    SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, count(*)::int AS count
    FROM chat_message WHERE tenant_id = ${tx.tenantId}::int GROUP BY 1 ORDER BY 1 DESC LIMIT ${DAYS}::int`;
  return days.toReversed().map(({ day, count }) => ({ day, count }));
}
