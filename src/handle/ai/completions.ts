import type { Exchange } from '../exchange.ts';
import type { AiAsk } from '../ports.ts';
import { forUser } from '../view.ts';
import { boolean, float, integer, readFields, text } from '../wire/fields.ts';
import { readJsonBody } from '../wire/json-body.ts';
import { Refusal, refuse } from '../wire/refusal.ts';
import { beginJob, failJob, finishJob, type JobRow, showJobRow } from './job.ts';
import { waitUnlessAborted } from './patience.ts';
import { streamWords } from './stream.ts';

const FIELDS = {
  prompt: text({ longest: 4000 }),
  model: text({ longest: 60, fallback: 'banyan-small' }),
  temperature: float({ least: 0, most: 2, fallback: 0.7 }),
  max_tokens: integer({ least: 1, most: 512, fallback: 64 }),
  stream: boolean(false),
};

/** The job is written before the engine is asked and finished after: no transaction is open while the engine thinks. */
export async function complete(exchange: Exchange, timeoutMs: number): Promise<void> {
  const { ask, stream } = await readAsk(exchange);
  const job = await exchange.write(
    forUser(exchange, (tx, user) => {
      if (ask instanceof Refusal) throw ask;
      return beginJob(tx, user, ask);
    }),
  );
  if (ask instanceof Refusal) return;
  const limit = AbortSignal.any([exchange.signal, AbortSignal.timeout(timeoutMs)]);
  try {
    if (stream) await streamWords(exchange, job, exchange.effects.ai.stream(ask, limit), limit);
    else await answerWhole(exchange, job, waitUnlessAborted(exchange.effects.ai.complete(ask, limit), limit));
  } catch (error) {
    if (exchange.signal.aborted) await exchange.tidyUp((tx) => failIfRunning(tx, job));
    throw error;
  }
}

async function readAsk(exchange: Exchange): Promise<Readonly<{ ask: AiAsk | Refusal; stream: boolean }>> {
  const body = await readJsonBody(exchange.body, exchange.header('content-type'));
  const given = body instanceof Refusal ? body : readFields(body, FIELDS);
  if (given instanceof Refusal) return { ask: given, stream: false };
  const { prompt, model, temperature, max_tokens: maxTokens, stream } = given;
  return { ask: { prompt, model, temperature, maxTokens }, stream };
}

async function answerWhole(exchange: Exchange, job: JobRow, words: Promise<string>): Promise<void> {
  const completion = await words.catch(() => undefined);
  exchange.signal.throwIfAborted();
  if (completion === undefined) throw await failForEngine(exchange, job);
  const done = await exchange.write((tx) => finishJob(tx, job, makeStorable(completion)));
  await exchange.reply.json(201, showJobRow(done));
}

export async function failForEngine(exchange: Exchange, job: JobRow): Promise<Refusal> {
  await exchange.write((tx) => failJob(tx, job.id));
  return refuse(502, { detail: 'The AI engine is not available.' });
}

/** What PostgreSQL's text cannot hold, whatever an engine says. */
export function makeStorable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

async function failIfRunning(tx: Parameters<typeof failJob>[0], { id }: JobRow): Promise<void> {
  const where = { tenantId: tx.tenantId, id, status: 'running' };
  await tx.aiJob.updateMany({ where, data: { status: 'failed' } });
}
