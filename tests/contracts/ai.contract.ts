import { expect, test } from '@jest/globals';
import type { Asked } from './product.contract.ts';

type Page = Readonly<{ next: string | null; previous: string | null; results: readonly { id: number }[] }>;

const COMPLETION =
  'again facts and the people workspace every note back plan a tomorrow with it less plan change the close small to with who less back';

export function describeAi(side: Asked): void {
  const complete = (body: unknown) =>
    side.ask({
      method: 'POST',
      target: '/api/ai/completions/',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  test('a completion is a finished job with its words, tokens and cost', async () => {
    const { status, text, json } = await complete({ prompt: ' Tell me of trees ' });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      user: 1,
      prompt: 'Tell me of trees',
      completion: COMPLETION,
      status: 'done',
    });
    expect(text).toContain(
      '"prompt_tokens":4,"completion_tokens":25,"temperature":0.7,"cost":"0.0029","created_at":"',
    );
  });

  test('a stream sends each word as an event, then the usage, then the end', async () => {
    const { headers, text } = await complete({ prompt: 'events', max_tokens: 3, stream: true });
    const id = /"id":(\d+)/.exec(text)?.[1];
    expect(headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    expect(text.split('\n\n')).toEqual([
      `data: {"id":${id},"delta":"people "}`,
      `data: {"id":${id},"delta":"it "}`,
      `data: {"id":${id},"delta":"facts"}`,
      `data: {"id":${id},"status":"done","usage":{"prompt_tokens":1,"completion_tokens":3}}`,
      'data: [DONE]',
      '',
    ]);
    const job = await side.ask({ target: `/api/ai/jobs/${id}/` });
    expect(job.json).toMatchObject({ status: 'done', completion: 'people it facts', cost: '0.0004' });
  });

  test('floats are written as Python writes them, and times keep their microseconds', async () => {
    const shown = async (id: number) => (await side.ask({ target: `/api/ai/jobs/${id}/` })).text;
    expect(await shown(42)).toContain('"prompt":"line\\u2028separator, tab\\tand \\"quotes\\" \\\\ / é 😀"');
    expect(await shown(42)).toContain(
      '"temperature":1e-05,"cost":"0.0007","created_at":"2026-01-06T00:00:00.000001Z"',
    );
    expect(await shown(43)).toContain('"temperature":1e+16,"cost":"0.0000"');
    expect(await shown(44)).toContain('"temperature":1.0,');
    expect(await shown(45)).toContain('"temperature":0.30000000000000004,"cost":"123456.7891"');
  });

  test('pages lead to the end and all the way back, each job once', async () => {
    const forward: Page[] = [];
    for (let target: string | null = '/api/ai/jobs/?page_size=9'; target; ) {
      const page: Page = (await side.ask({ target })).json as Page;
      forward.push(page);
      target = page.next && strip(page.next);
    }
    const ids = forward.flatMap((page) => page.results.map(({ id }) => id));
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => b - a));
    expect(ids.at(-1)).toBe(1);
    const back: Page[] = [];
    for (let target = forward.at(-1)?.previous; target; ) {
      const page: Page = (await side.ask({ target: strip(target) })).json as Page;
      back.unshift(page);
      target = page.previous;
    }
    expect(back.flatMap((page) => page.results)).toEqual(
      forward.slice(0, -1).flatMap((page) => page.results),
    );
  });

  test('mistakes in JSON are told in the words of Python', async () => {
    const tell = async (body: string) => (await complete(body)).text;
    expect(await tell('{"prompt": }')).toBe(
      '{"detail":"JSON parse error - Expecting value: line 1 column 12 (char 11)"}',
    );
    expect(await tell("{'prompt': 1}")).toBe(
      '{"detail":"JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"}',
    );
    expect(await tell('[1, 2')).toBe(
      '{"detail":"JSON parse error - Expecting \',\' delimiter: line 1 column 6 (char 5)"}',
    );
  });

  test('what is no id names no job', async () => {
    for (const id of ['0', 'x', '1.0', '2147483648', '99999999999999999999']) {
      const { status, text } = await side.ask({ target: `/api/ai/jobs/${id}/` });
      expect([status, text]).toEqual([404, '{"detail":"Not found."}']);
    }
  });
}

const strip = (link: string) => link.replace('http://acme.localhost:8080', '');
