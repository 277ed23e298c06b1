import type { SideAnswer } from '../../vocabulary/index.ts';

/** What the engine said when legacy asked it, read from legacy's answer: whole, or as the deltas of a stream. Undefined where it said nothing. */
export function readCompletion({ headers, body }: Pick<SideAnswer, 'headers' | 'body'>): string | undefined {
  if (body.kind !== 'whole') return undefined;
  const text = Buffer.from(body.bytes).toString('utf8');
  return isEventStream(headers) ? joinDeltas(text) : readField(text, 'completion');
}

function isEventStream(headers: readonly string[]): boolean {
  return headers.some(
    (name, i) =>
      i % 2 === 0 && name.toLowerCase() === 'content-type' && headers[i + 1]?.startsWith('text/event-stream'),
  );
}

function joinDeltas(text: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('data: {'));
  return lines.map((line) => readField(line.slice('data: '.length), 'delta') ?? '').join('');
}

function readField(json: string, name: 'completion' | 'delta'): string | undefined {
  try {
    const value: unknown = (JSON.parse(json) as Record<string, unknown> | null)?.[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
