import * as z from 'zod';
import { SIDES, STAGES } from '../../vocabulary/index.ts';
import type { FeatureLeft } from '../left/left.ts';
import type { Left, LeftDesk } from '../left/left-desk.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';

const count = z.int().nonnegative();
const featureShape = z.object({
  feature: z.string().nullable(),
  left: z.boolean(),
  routes: z.record(z.enum(STAGES), count),
  tenants: z.object({ all: count, answered: count }),
  rows: z
    .object({
      tables: z.array(z.string()),
      move: z.enum(['moving', 'paused', 'retired']).nullable(),
      owned: count,
    })
    .nullable(),
  requests: z.record(z.enum(SIDES), count),
  next: z.string(),
});
export const leftShape = z.object({
  revision: z.string(),
  left: z.boolean(),
  features: z.array(featureShape),
  unlisted: count,
});
export type LeftJson = z.infer<typeof leftShape>;

export function tellLeft(desk: LeftDesk): Endpoint {
  return defineEndpoint({
    method: 'GET',
    path: '/api/left',
    summary: 'What is left in the monolith: routes, tenants, rows and traffic of each feature.',
    access: 'token',
    answers: {
      200: { means: 'Every feature of the table, with what comes next.', schema: leftShape },
    },
    answer: async () => ({ status: 200, json: toLeftJson(await desk.look()) }),
  });
}

function toLeftJson({ revision, features, unlisted }: Left): LeftJson {
  return {
    revision,
    left: features.some(({ isLeft }) => isLeft),
    features: features.map(toFeatureJson),
    unlisted,
  };
}

function toFeatureJson({ feature, isLeft, stages, tenants, tables, move, requests, next }: FeatureLeft) {
  const { all, answered, owned } = tenants;
  const rows = tables.length === 0 ? null : { tables: [...tables], move: move ?? null, owned };
  return {
    feature: feature ?? null,
    left: isLeft,
    routes: stages,
    tenants: { all, answered },
    rows,
    requests,
    next,
  };
}
