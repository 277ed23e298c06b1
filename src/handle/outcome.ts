import type { ServerResponse } from 'node:http';
import { QueryTooSlow, type StoreTrouble, StoreUnavailable, TenantUnknown } from '../store/index.ts';
import { type Emit, type Failure, fail, type Outcome } from '../vocabulary/index.ts';
import type { Exchange, HandleRequest } from './exchange.ts';
import { FailureThrown } from './failure-thrown.ts';

type Ended = Readonly<{ request: HandleRequest; exchange: Exchange; res: ServerResponse; emit: Emit }>;

/** What became of an exchange that ended by a throw. A crash is never dressed as Django's 500 page: the corridor decides what is said. */
export function judgeThrow(ended: Ended, error: unknown): Outcome {
  const { res, exchange } = ended;
  if (!res.writableFinished && (res.destroyed || res.closed)) return { kind: 'abandoned' };
  const failure = describeFailure(ended, error);
  exchange.end(failure);
  if (res.writableFinished) return { kind: 'answered', status: res.statusCode };
  if (!exchange.reply.hasBegun) return { kind: 'failed', failure };
  // Cut, not ended: nobody may take the half of an answer for the whole.
  res.destroy();
  return { kind: 'cut', status: res.statusCode, failure };
}

function describeFailure({ request, exchange, emit }: Ended, error: unknown): Failure {
  const retrySafe = !exchange.mayHaveWritten;
  const tell = () =>
    emit({
      type: 'handler_failed',
      requestId: request.arrival.requestId,
      routeId: request.decision.route,
      error: describeError(exchange.name, error),
    });
  if (error instanceof FailureThrown) return error.failure;
  if (error instanceof TenantUnknown) return fail('tenant_unknown');
  if (error instanceof StoreUnavailable) {
    if (!TOLD_ELSEWHERE.has(error.reason)) tell();
    return fail('store_unavailable', { retrySafe, retryAfterS: 1 });
  }
  if (request.signal?.aborted) return fail('new_too_slow', { retrySafe });
  tell();
  if (error instanceof QueryTooSlow) return fail('new_too_slow', { retrySafe, retryAfterS: 5 });
  return fail('new_failed', { retrySafe });
}

// `/readyz` and `part_changed` tell of these once; a line for each request would say no more.
const TOLD_ELSEWHERE: ReadonlySet<StoreTrouble> = new Set(['unreachable', 'crowded']);

const LONGEST_DESCRIPTION = 300;

// Prisma's messages quote code in their first lines and say what happened in the last; neither holds a row's values.
function describeError(name: string, error: unknown): string {
  if (!(error instanceof Error)) return `${name}: ${typeof error}`;
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const said = error.message.trim().split('\n').at(-1) ?? '';
  return `${name}: ${error.name}${code}: ${said}`.slice(0, LONGEST_DESCRIPTION);
}
