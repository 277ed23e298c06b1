import type { Connection } from '../database/connection.ts';
import type { EngineAsk } from '../engine.ts';
import { type Answer, json, notFound, type Sink } from '../web/answers.ts';
import { readId, readJson } from '../web/body.ts';
import { answerPage } from '../web/cursor.ts';
import { boolean, float, integer, readFields, text } from '../web/fields.ts';
import { type Json, renderFloat, renderJson, renderTime } from '../web/json.ts';
import type { Ask, View } from '../web/view.ts';

type JobRow = Readonly<{
  id: number;
  user_id: number;
  model: string;
  prompt: string;
  completion: string | null;
  status: string;
  prompt_tokens: number;
  completion_tokens: number;
  temperature: number;
  cost: string;
  created_at: string;
  finished_at: string | null;
}>;

const COLUMNS =
  'id, user_id, model, prompt, completion, status, prompt_tokens, completion_tokens, temperature, cost, created_at, finished_at';
const NOT_AVAILABLE = json(502, { detail: 'The AI engine is not available.' });

function showJob(row: JobRow): Json {
  const { id, user_id: user, temperature, created_at, finished_at, ...rest } = row;
  const { model, prompt, completion, status, prompt_tokens, completion_tokens, cost } = rest;
  return {
    ...{ id, user, model, prompt, completion, status, prompt_tokens, completion_tokens },
    temperature: renderFloat(temperature),
    cost,
    created_at: renderTime(created_at),
    finished_at: finished_at === null ? null : renderTime(finished_at),
  };
}

function countWords(words: string): number {
  return words.split(/\s+/).filter((word) => word !== '').length;
}

export const completions: View = {
  name: 'Completion',
  takes: 'users',
  parses: 'application/json',
  methods: {
    POST: async (ask) => {
      const begun = await ask.within((db, user) => beginJob(ask, db, user?.id ?? 0));
      return begun.stream ? streamJob(ask, begun) : completeJob(ask, begun);
    },
  },
};

type Begun = Readonly<{ id: number; stream: boolean; promptTokens: number; ask: EngineAsk }>;

async function beginJob(ask: Ask, db: Connection, user: number): Promise<Begun> {
  const { prompt, model, temperature, max_tokens, stream } = readFields(readJson(ask), {
    prompt: text({ max: 4000 }),
    model: text({ max: 60, fallback: 'banyan-small' }),
    temperature: float({ min: 0, max: 2, fallback: 0.7 }),
    max_tokens: integer({ min: 1, max: 512, fallback: 64 }),
    stream: boolean(false),
  });
  const promptTokens = countWords(prompt);
  const [job] = await db.query<{ id: number }>(
    `INSERT INTO ai_job (user_id, model, prompt, status, prompt_tokens, completion_tokens, temperature, cost, created_at)
     VALUES ($1, $2, $3, 'running', $4, 0, $5, 0, now()) RETURNING id`,
    [user, model, prompt, promptTokens, temperature],
  );
  return {
    id: job?.id ?? 0,
    stream,
    promptTokens,
    ask: { model, prompt, temperature, maxTokens: max_tokens },
  };
}

/** A view that waits for its engine holds its lane, as a synchronous Django worker does. */
function completeJob(ask: Ask, begun: Begun): Promise<Answer> {
  return ask.within(async (db) => {
    try {
      const completion = await ask.house.engine.complete(begun.ask);
      return json(201, showJob(await finishJob(db, begun, completion)));
    } catch (error) {
      await failJob(db, begun);
      return isFromDatabase(error) ? Promise.reject(error) : NOT_AVAILABLE;
    }
  });
}

function isFromDatabase(error: unknown): boolean {
  return error instanceof Error && 'severity' in error;
}

async function finishJob(db: Connection, begun: Begun, completion: string): Promise<JobRow> {
  const tokens = countWords(completion);
  const [job] = await db.query<JobRow>(
    `UPDATE ai_job SET status = 'done', completion = $2, completion_tokens = $3, cost = (prompt_tokens + $3::integer) * 0.0001,
       finished_at = now() WHERE id = $1 RETURNING ${COLUMNS}`,
    [begun.id, completion, tokens],
  );
  if (!job) throw new Error(`AI job ${begun.id} is gone`);
  return job;
}

async function failJob(db: Connection, begun: Begun): Promise<void> {
  await db.query("UPDATE ai_job SET status = 'failed' WHERE id = $1", [begun.id]);
}

/** The answer begins with the first word: an engine that fails before it gets a plain 502. */
async function streamJob(ask: Ask, begun: Begun): Promise<Answer> {
  const stop = new AbortController();
  const pieces = ask.house.engine.stream(begun.ask, stop.signal)[Symbol.asyncIterator]();
  const first = await pieces.next().catch(() => undefined);
  if (!first) {
    await ask.within((db) => failJob(db, begun));
    return NOT_AVAILABLE;
  }
  const write = async (sink: Sink) => {
    sink.gone.addEventListener('abort', () => stop.abort());
    await writeEvents(ask, begun, sink, first, pieces);
  };
  return {
    status: 200,
    headers: [
      ['Content-Type', 'text/event-stream'],
      ['Cache-Control', 'no-cache'],
    ],
    body: { kind: 'stream', write },
  };
}

async function writeEvents(
  ask: Ask,
  begun: Begun,
  sink: Sink,
  first: IteratorResult<string>,
  pieces: AsyncIterator<string>,
): Promise<void> {
  const { id, promptTokens } = begun;
  const tell = (event: Json) => sink.write(`data: ${renderJson(event)}\n\n`);
  const completion = await relay(tell, id, first, pieces);
  if (completion === undefined) {
    await ask.within((db) => failJob(db, begun));
    await tell({ id, status: 'failed' });
  } else {
    const job = await ask.within((db) => finishJob(db, begun, completion));
    const usage = { prompt_tokens: promptTokens, completion_tokens: job.completion_tokens };
    await tell({ id, status: 'done', usage });
  }
  await sink.write('data: [DONE]\n\n');
}

/** Passes the engine's pieces on as they come; undefined where the engine broke off or the reader went away. */
async function relay(
  tell: (event: Json) => Promise<boolean>,
  id: number,
  first: IteratorResult<string>,
  pieces: AsyncIterator<string>,
): Promise<string | undefined> {
  let completion = '';
  try {
    for (let piece = first; !piece.done; piece = await pieces.next()) {
      completion += piece.value;
      if (!(await tell({ id, delta: piece.value }))) return undefined;
    }
    return completion;
  } catch {
    return undefined;
  } finally {
    await pieces.return?.();
  }
}

export const jobs: View = {
  name: 'Job List',
  takes: 'users',
  parses: 'application/json',
  methods: {
    GET: (ask) =>
      ask.within((db) =>
        answerPage<JobRow>(ask.request, {
          db,
          columns: COLUMNS,
          table: 'ai_job',
          where: 'true',
          values: [],
          show: showJob,
        }),
      ),
  },
};

export const job: View = {
  name: 'Job',
  takes: 'users',
  parses: 'application/json',
  methods: {
    GET: (ask) =>
      ask.within(async (db) => {
        const id = readId(ask.params.id);
        const [row] = await db.query<JobRow>(`SELECT ${COLUMNS} FROM ai_job WHERE id = $1`, [id ?? null]);
        if (!row) throw notFound();
        return json(200, showJob(row));
      }),
  },
};
