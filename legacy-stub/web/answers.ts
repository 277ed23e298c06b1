import type { Json } from './json.ts';

/** Where a streamed body goes. */
export interface Sink {
  /** Waits while the reader is slow; false once it has gone. */
  write(piece: string | Uint8Array): Promise<boolean>;
  /** Aborts when the reader goes away. */
  readonly gone: AbortSignal;
}

export type HeaderList = readonly (readonly [name: string, value: string])[];

export type AnswerBody =
  | Readonly<{ kind: 'none' }>
  | Readonly<{ kind: 'json'; value: Json }>
  /** JSON that leaves in pieces, chunked: what Django's StreamingHttpResponse does with a list. */
  | Readonly<{ kind: 'pieces'; texts: Iterable<string> }>
  | Readonly<{ kind: 'page'; html: string }>
  /** `headers` of the answer say type and length. A throw cuts the connection. */
  | Readonly<{ kind: 'stream'; write: (sink: Sink) => Promise<void> }>;

export type Answer = Readonly<{ status: number; headers?: HeaderList; body: AnswerBody }>;

/** Thrown by a view to answer at once, as Django's Http404, PermissionDenied and DRF's exceptions are. */
export class AnswerInstead extends Error {
  readonly answer: Answer;
  constructor(answer: Answer) {
    super(`answered ${answer.status}`);
    this.answer = answer;
  }
}

export function json(status: number, value: Json, headers: HeaderList = []): Answer {
  return { status, headers, body: { kind: 'json', value } };
}

export function noContent(headers: HeaderList = []): Answer {
  return { status: 204, headers, body: { kind: 'none' } };
}

export function badRequest(value: Json): AnswerInstead {
  return new AnswerInstead(json(400, value));
}

export function notFound(detail = 'Not found.'): AnswerInstead {
  return new AnswerInstead(json(404, { detail }));
}

/** An array written row by row. */
export function list(texts: Iterable<string>): Answer {
  return { status: 200, body: { kind: 'pieces', texts: bracket('[', texts, ']') } };
}

export function* bracket(open: string, texts: Iterable<string>, close: string): Generator<string> {
  yield open;
  let first = true;
  for (const text of texts) {
    yield first ? text : `,${text}`;
    first = false;
  }
  yield close;
}

function renderPage(title: string, details: string): string {
  return `
<!doctype html>
<html lang="en">
<head>
  <title>${title}</title>
</head>
<body>
  <h1>${title}</h1><p>${details}</p>
</body>
</html>
`;
}

const PAGES: Readonly<Record<number, readonly [title: string, details: string]>> = {
  400: ['Bad Request (400)', ''],
  403: ['403 Forbidden', ''],
  404: ['Not Found', 'The requested resource was not found on this server.'],
  500: ['Server Error (500)', ''],
};

/** Django's built-in error pages (django/views/defaults.py). */
export function page(status: number, details?: string): Answer {
  const [title, text] = PAGES[status] ?? [`Error (${status})`, ''];
  return { status, body: { kind: 'page', html: renderPage(title, details ?? text) } };
}

export const CSRF_FAILED = page(403, 'CSRF verification failed. Request aborted.');

export function redirect(location: string): Answer {
  return {
    status: 301,
    headers: [
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Location', location],
    ],
    body: { kind: 'none' },
  };
}
