import type { Prisma, TenantTransaction } from '../../store/index.ts';
import { now } from '../clock.ts';
import type { AiAsk } from '../ports.ts';
import { float, type Json, time } from '../wire/json-text.ts';
import { countWords } from '../wire/python-text.ts';

export type JobRow = NonNullable<Awaited<ReturnType<TenantTransaction['aiJob']['findFirst']>>>;

/** A job as the API shows one. */
export function showJobRow(job: JobRow): Json {
  return {
    id: job.id,
    user: job.userId,
    model: job.model,
    prompt: job.prompt,
    completion: job.completion,
    status: job.status,
    prompt_tokens: job.promptTokens,
    completion_tokens: job.completionTokens,
    temperature: float(job.temperature),
    cost: job.cost.toFixed(4),
    created_at: time(job.createdAt),
    finished_at: job.finishedAt === null ? null : time(job.finishedAt),
  };
}

export async function beginJob(tx: TenantTransaction, user: number, ask: AiAsk): Promise<JobRow> {
  return tx.aiJob.create({
    data: {
      tenantId: tx.tenantId,
      id: await tx.nextId('ai_job'),
      userId: user,
      model: ask.model,
      prompt: ask.prompt,
      status: 'running',
      promptTokens: countWords(ask.prompt),
      completionTokens: 0,
      temperature: ask.temperature,
      cost: 0,
      createdAt: now(),
    },
  });
}

export function finishJob(tx: TenantTransaction, job: JobRow, completion: string): Promise<JobRow> {
  const completionTokens = countWords(completion);
  // A token costs 0.0001: counted in whole ten-thousandths, so that no binary fraction gets in.
  const cost = writeCost(job.promptTokens + completionTokens);
  return changeJob(tx, job.id, { status: 'done', completion, completionTokens, cost, finishedAt: now() });
}

export function failJob(tx: TenantTransaction, id: number): Promise<JobRow> {
  return changeJob(tx, id, { status: 'failed' });
}

function writeCost(tokens: number): string {
  return `${Math.floor(tokens / 10_000)}.${String(tokens % 10_000).padStart(4, '0')}`;
}

function changeJob(
  tx: TenantTransaction,
  id: number,
  data: Prisma.AiJobUncheckedUpdateInput,
): Promise<JobRow> {
  return tx.aiJob.update({ where: { tenantId_id: { tenantId: tx.tenantId, id } }, data });
}
