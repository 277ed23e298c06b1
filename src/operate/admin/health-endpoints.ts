import * as z from 'zod';
import { PARTS, type Part } from '../../vocabulary/index.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';

/** What observe keeps of each part. */
export type Readiness = Readonly<{
  ready: boolean;
  parts: Readonly<Record<Part, Readonly<{ ready: boolean; detail: string }>>>;
}>;

export type HealthParts = Readonly<{
  readiness(): Readiness;
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<string>;
  /** RFC 7517: the public keys by which receivers verify the identity tag. */
  jwks(): object;
}>;

const part = z.object({ ready: z.boolean(), detail: z.string() });
const readinessShape = z.object({ ready: z.boolean(), parts: z.record(z.enum(PARTS), part) });
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Open to all: probes, scrapers and the receivers of the identity tag carry no token. */
export function listHealthEndpoints({ readiness, metrics, jwks }: HealthParts): readonly Endpoint[] {
  return [
    defineEndpoint({
      method: 'GET',
      path: '/healthz',
      summary: 'Is the process alive?',
      access: 'open',
      answers: { 200: { means: 'It is.', schema: z.object({ status: z.literal('ok') }) } },
      answer: () => ({ status: 200, json: { status: 'ok' } }),
    }),
    defineEndpoint({
      method: 'GET',
      path: '/readyz',
      summary: 'May requests be sent here, and if not, why not?',
      access: 'open',
      answers: {
        200: { means: 'Every part is ready.', schema: readinessShape },
        503: { means: 'A part is not ready; its detail says why.', schema: readinessShape },
      },
      answer: () => {
        const state = readiness();
        return { status: state.ready ? 200 : 503, json: state };
      },
    }),
    defineEndpoint({
      method: 'GET',
      path: '/metrics',
      summary: 'Metrics for Prometheus.',
      access: 'open',
      answers: { 200: { means: 'Text format 0.0.4.', media: 'text/plain' } },
      answer: async () => ({ status: 200, text: await metrics(), type: METRICS_TYPE }),
    }),
    defineEndpoint({
      method: 'GET',
      path: '/.well-known/jwks.json',
      summary: 'The public keys that verify X-Identity-Tag.',
      access: 'open',
      answers: {
        200: {
          means: 'A JWK set (RFC 7517).',
          schema: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
        },
      },
      answer: () => ({ status: 200, json: jwks(), headers: { 'Cache-Control': 'public, max-age=60' } }),
    }),
  ];
}
