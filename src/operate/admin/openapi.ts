import * as z from 'zod';
import { type AnswerShape, defineEndpoint, type Endpoint } from './endpoint.ts';

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  blame: z.enum(['caller', 'legacy', 'new', 'us']),
  request_id: z.string(),
  retry_safe: z.boolean(),
  mistakes: z.array(z.string()).optional(),
});

/** The endpoint that lists all endpoints, itself included. The document is made from the very values that are mounted. */
export function openApiEndpoint(others: readonly Endpoint[]): Endpoint {
  const own: Endpoint = defineEndpoint({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document.',
    access: 'token',
    answers: { 200: { means: 'OpenAPI 3.1.', schema: z.object({ openapi: z.string() }).loose() } },
    answer: () => ({ status: 200, json: document }),
  });
  const document = writeDocument([...others, own]);
  return own;
}

function writeDocument(endpoints: readonly Endpoint[]): object {
  const byPath = Map.groupBy(endpoints, ({ path }) => path);
  const paths = Object.fromEntries([...byPath].map(([path, group]) => [path, writePath(group)]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Banyan admin API',
      version: '1',
      description:
        'What the console and the command line are clients of. Every failure is application/problem+json.',
    },
    security: [{ adminToken: [] }],
    paths,
    components: {
      securitySchemes: { adminToken: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: writeSchema(problem, 'output') },
    },
  };
}

function writePath(group: readonly Endpoint[]): object {
  return Object.fromEntries(
    group.map((endpoint) => [endpoint.method.toLowerCase(), writeOperation(endpoint)]),
  );
}

function writeOperation({ summary, access, body, answers, ...endpoint }: Endpoint): object {
  const parameters = listParameters(endpoint);
  const failure = { $ref: '#/components/schemas/Problem' };
  return {
    summary,
    ...(access === 'open' ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: writeBody(body) } : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, shape]) => [status, writeAnswer(shape)])),
      default: { description: 'A failure.', content: { 'application/problem+json': { schema: failure } } },
    },
  };
}

function listParameters({
  params,
  headers,
  query,
}: Pick<Endpoint, 'params' | 'headers' | 'query'>): object[] {
  const schema = { type: 'string' };
  const inPath = Object.entries(params ?? {}).map(([name, description]) => ({
    name,
    in: 'path',
    required: true,
    description,
    schema,
  }));
  const inHeader = Object.entries(headers ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema,
  }));
  const members = query instanceof z.ZodObject ? Object.entries<z.ZodType>(query.shape) : [];
  const inQuery = members.map(([name, member]) => ({
    name,
    in: 'query',
    schema: writeSchema(member, 'input'),
  }));
  return [...inPath, ...inHeader, ...inQuery];
}

function writeBody(body: z.ZodType): object {
  return { required: true, content: { 'application/json': { schema: writeSchema(body, 'input') } } };
}

function writeAnswer({ means, schema, media }: AnswerShape): object {
  const type = media ?? 'application/json';
  const content = { [type]: schema ? { schema: writeSchema(schema, 'output') } : {} };
  return { description: means, content };
}

function writeSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest;
}
