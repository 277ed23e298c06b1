import type { Exchange } from '../exchange.ts';
import { type Json, renderJson } from '../wire/json-text.ts';
import { failForEngine, makeStorable } from './completions.ts';
import { failJob, finishJob, type JobRow } from './job.ts';
import { waitUnlessAborted } from './patience.ts';

/**
 * Sends the engine's words as server-sent events. The head leaves with the first word, so that an engine that is down can still be
 * answered with a status.
 */
export async function streamWords(
  exchange: Exchange,
  job: JobRow,
  words: AsyncIterable<string>,
  limit: AbortSignal,
): Promise<void> {
  const iterator = words[Symbol.asyncIterator]();
  const take = () => waitUnlessAborted(iterator.next(), limit).catch(() => 'failed' as const);
  const first = await take();
  exchange.signal.throwIfAborted();
  if (first === 'failed') throw await failForEngine(exchange, job);
  exchange.reply.begin(200, [
    ['Content-Type', 'text/event-stream'],
    ['Cache-Control', 'no-cache'],
  ]);
  const completion = await relay(exchange, job, first, take).finally(() => {
    // Not waited for: an engine that hangs would hang here, too.
    void iterator.return?.().catch(() => undefined);
  });
  exchange.signal.throwIfAborted();
  await finish(exchange, job, completion);
}

type Taken = IteratorResult<string> | 'failed';

/** Undefined where the engine broke off. */
async function relay(
  exchange: Exchange,
  { id }: JobRow,
  first: Taken,
  take: () => Promise<Taken>,
): Promise<string | undefined> {
  let completion = '';
  for (let taken = first; taken === 'failed' || !taken.done; taken = await take()) {
    if (taken === 'failed') return undefined;
    const delta = makeStorable(taken.value);
    completion += delta;
    await exchange.reply.write(writeEvent({ id, delta }));
  }
  return completion;
}

async function finish(exchange: Exchange, job: JobRow, completion: string | undefined): Promise<void> {
  const { id } = job;
  if (completion === undefined) {
    await exchange.write((tx) => failJob(tx, id));
    await exchange.reply.write(writeEvent({ id, status: 'failed' }));
  } else {
    const done = await exchange.write((tx) => finishJob(tx, job, completion));
    const usage = { prompt_tokens: done.promptTokens, completion_tokens: done.completionTokens };
    await exchange.reply.write(writeEvent({ id, status: 'done', usage }));
  }
  await exchange.reply.finish('data: [DONE]\n\n');
}

function writeEvent(value: Json): string {
  return `data: ${renderJson(value)}\n\n`;
}
