import type { AiAsk, AiEngine } from '../ports.ts';

export type HttpEngineWish = Readonly<{
  /** For example `https://api.openai.com/v1`. */
  baseUrl: string;
  apiKey?: string | undefined;
}>;

const LARGEST_ANSWER = 4 * 1024 * 1024;

/** Any server that speaks OpenAI's `POST /chat/completions`, whole or as server-sent events. */
export function openHttpEngine(wish: HttpEngineWish): AiEngine {
  return {
    effect: 'outside',
    async complete(ask, signal) {
      let text = '';
      for await (const piece of readBounded(await askEngine(wish, ask, 'whole', signal))) text += piece;
      const completion = readPath(JSON.parse(text), 'message');
      if (completion === undefined) throw new Error('The AI engine answered without a completion.');
      return completion;
    },
    async *stream(ask, signal) {
      const answer = await askEngine(wish, ask, 'pieces', signal);
      for await (const data of readEvents(readBounded(answer))) {
        if (data === '[DONE]') return;
        const delta = readPath(JSON.parse(data), 'delta');
        if (delta) yield delta;
      }
      throw new Error('The AI engine broke off.');
    },
  };
}

async function askEngine(
  { baseUrl, apiKey }: HttpEngineWish,
  ask: AiAsk,
  manner: 'whole' | 'pieces',
  signal: AbortSignal,
): Promise<Response> {
  const answer = await fetch(`${baseUrl.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    redirect: 'error',
    signal,
    headers: { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
    body: JSON.stringify({
      model: ask.model,
      messages: [{ role: 'user', content: ask.prompt }],
      temperature: ask.temperature,
      max_tokens: ask.maxTokens,
      stream: manner === 'pieces',
    }),
  });
  if (answer.ok) return answer;
  await answer.body?.cancel();
  throw new Error(`The AI engine answered ${answer.status}.`);
}

/** An engine gone wild must not fill the memory. */
async function* readBounded(answer: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let size = 0;
  for await (const bytes of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += bytes.length;
    if (size > LARGEST_ANSWER) throw new Error('The AI engine answers without end.');
    yield decoder.decode(bytes, { stream: true });
  }
}

/** The `data` of each event (WHATWG HTML, section 9.2). */
async function* readEvents(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data:')) yield line.slice('data:'.length).trim();
  }
  if (rest.startsWith('data:')) yield rest.slice('data:'.length).trim();
}

function readPath(body: unknown, holder: 'message' | 'delta'): string | undefined {
  const answer = body as { choices?: readonly { [key in typeof holder]?: { content?: unknown } }[] } | null;
  const content = answer?.choices?.[0]?.[holder]?.content;
  return typeof content === 'string' ? content : undefined;
}
