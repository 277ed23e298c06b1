import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/** What the AI engine is asked. */
export type EngineAsk = Readonly<{ model: string; prompt: string; temperature: number; maxTokens: number }>;

/** The port to an AI engine. Both throw where it is not available. */
export interface Engine {
  complete(ask: EngineAsk): Promise<string>;
  /** Pieces of the completion as they come; all of them joined are the completion. */
  stream(ask: EngineAsk, signal: AbortSignal): AsyncIterable<string>;
}

const WORDS = (
  'the workspace keeps every note close to people who need it and a plan grows from small steps ' +
  'that teams can take back when facts change again today with less worry tomorrow'
).split(' ');

function digest({ model, prompt }: EngineAsk, block: number): Buffer {
  return createHash('sha256').update(`${model}\n${prompt}\n${block}`).digest();
}

/** The words that the local engine always gives to this question; docs/demo-product.md fixes the rule. */
export function chooseWords(ask: EngineAsk): string[] {
  const length = Math.min(ask.maxTokens, 8 + ((digest(ask, 0)[0] ?? 0) % 25));
  return Array.from({ length }, (_, i) => {
    const byte = digest(ask, 1 + Math.floor(i / 32))[i % 32] ?? 0;
    return WORDS[byte % WORDS.length] ?? '';
  });
}

/** A small engine without a network: deterministic, one word every `tokenMs` when it streams. */
export function openLocalEngine(tokenMs: number): Engine {
  return {
    complete: async (ask) => chooseWords(ask).join(' '),
    async *stream(ask, signal) {
      const words = chooseWords(ask);
      for (const [index, word] of words.entries()) {
        if (tokenMs > 0) await delay(tokenMs, undefined, { signal });
        yield index + 1 < words.length ? `${word} ` : word;
      }
    },
  };
}

export type RemoteEngineWish = Readonly<{ baseUrl: string; apiKey: string | undefined }>;

const ENGINE_TIMEOUT_MS = 60_000;

/** Any server that speaks OpenAI's `/chat/completions`. */
export function openRemoteEngine(wish: RemoteEngineWish): Engine {
  return {
    async complete(ask) {
      const answer = await askRemote(wish, ask, 'whole', AbortSignal.timeout(ENGINE_TIMEOUT_MS));
      const body = (await answer.json()) as { choices?: { message?: { content?: string } }[] };
      const text = body.choices?.[0]?.message?.content;
      if (typeof text !== 'string') throw new Error('the AI engine answered without a completion');
      return text;
    },
    async *stream(ask, signal) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(ENGINE_TIMEOUT_MS)]);
      const answer = await askRemote(wish, ask, 'pieces', limit);
      for await (const line of readLines(answer)) {
        if (line === 'data: [DONE]') return;
        const piece = readPiece(line);
        if (piece !== '') yield piece;
      }
      throw new Error('the AI engine broke off');
    },
  };
}

async function askRemote(
  { baseUrl, apiKey }: RemoteEngineWish,
  ask: EngineAsk,
  manner: 'whole' | 'pieces',
  signal: AbortSignal,
): Promise<Response> {
  const answer = await fetch(`${baseUrl.replace(/\/$/, '')}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
    body: JSON.stringify({
      model: ask.model,
      messages: [{ role: 'user', content: ask.prompt }],
      temperature: ask.temperature,
      max_tokens: ask.maxTokens,
      stream: manner === 'pieces',
    }),
    signal,
  });
  if (!answer.ok) throw new Error(`the AI engine answered ${answer.status}`);
  return answer;
}

async function* readLines(answer: Response): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const bytes of answer.body ?? []) {
    const lines = (rest + decoder.decode(bytes as Uint8Array, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function readPiece(line: string): string {
  if (!line.startsWith('data:')) return '';
  const event = JSON.parse(line.slice('data:'.length)) as { choices?: { delta?: { content?: string } }[] };
  return event.choices?.[0]?.delta?.content ?? '';
}
