import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { findNearestName } from '../nearest-name.ts';
import { type AdminFailure, isRefusal, refuse } from './problem.ts';

export type Method = 'GET' | 'POST' | 'PATCH';

/** What an endpoint is asked: everything in it has been checked against the endpoint's own schemas. */
export type ApiRequest<Body, Query> = Readonly<{
  params: Readonly<Record<string, string>>;
  headers: IncomingHttpHeaders;
  body: Body;
  query: Query;
}>;

export type ApiAnswer = Readonly<{
  status: number;
  json: unknown;
  headers?: Readonly<Record<string, string>>;
}>;
export type TextAnswer = Readonly<{ status: number; text: string; type: string }>;
/** Writes the answer itself: for what never ends. */
export type StreamAnswer = Readonly<{ stream: (req: IncomingMessage, res: ServerResponse) => void }>;
export type Answer = ApiAnswer | TextAnswer | StreamAnswer | AdminFailure;

export type AnswerShape = Readonly<{ means: string; schema?: z.ZodType; media?: string }>;

type Wish<Body, Query> = Readonly<{
  method: Method;
  /** As OpenAPI writes it: `/api/routes/{id}`. */
  path: string;
  summary: string;
  access: 'open' | 'token';
  params?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: z.ZodType<Body>;
  query?: z.ZodType<Query>;
  answers: Readonly<Record<number, AnswerShape>>;
  answer(request: ApiRequest<Body, Query>): Answer | Promise<Answer>;
}>;

export type RawRequest = ApiRequest<unknown, unknown>;

/** One path and method of the admin door. The same value is mounted, listed in the OpenAPI document and tested. */
export type Endpoint = Omit<Wish<unknown, unknown>, 'answer'> &
  Readonly<{ answer(request: RawRequest): Promise<Answer> }>;

/** Parses what came in at the door, so that `answer` sees only what its types promise. */
export function defineEndpoint<Body = undefined, Query = undefined>(wish: Wish<Body, Query>): Endpoint {
  return Object.freeze({
    ...wish,
    answer: async (raw: RawRequest) => {
      const body = parsePart('body', wish.body, raw.body ?? {});
      if (isRefusal(body)) return body;
      const query = parsePart('query', wish.query, raw.query);
      if (isRefusal(query)) return query;
      return wish.answer({ ...raw, body: body as Body, query: query as Query });
    },
  });
}

function parsePart<Part>(name: 'body' | 'query', schema: z.ZodType<Part> | undefined, value: unknown) {
  if (!schema) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.flatMap((issue) => describeIssue(issue, schema));
  return refuse(
    'body_invalid',
    `The ${name} of the request is not as it should be: ${mistakes.join(' ')}`,
    mistakes,
  );
}

/** Zod's issue as one sentence for each mistake, with the nearest known key where an unknown one was sent. */
function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodType): readonly string[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => describeUnknownKey(key, schema));
  const place = issue.path.length > 0 ? `"${issue.path.join('.')}"` : 'the whole';
  const what = issue.message.replace(/^Invalid input: /, '').replace(/\.$/, '');
  return [`${place}: ${what}.`];
}

function describeUnknownKey(key: string, schema: z.ZodType): string {
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const nearest = findNearestName(key, known);
  const hint = nearest ? `did you mean "${nearest}"?` : `known are ${known.join(', ')}.`;
  return `"${key}" is no known member; ${hint}`;
}
