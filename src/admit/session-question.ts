import {
  type Arrival,
  type Failure,
  SESSION_PATH,
  SESSION_SCOPE,
  type SessionRecord,
  type TenantName,
} from '../vocabulary/index.ts';
import type { TagSigner } from './tag.ts';
import { writeTraceparent } from './trace-context.ts';

/** Whose session is this? Legacy is asked at `POST /.banyan/session/`, with a tag of the gateway's own. */
export type SessionQuestion = Readonly<{
  tenant: TenantName;
  /** The `Host` to ask with: the one of the request, since it names the tenant. */
  host: string;
  sessionKey: string;
  tag: string;
  /** Name and value in turn: the tag, and what lets legacy log the question under the request's own id. */
  headers: readonly string[];
}>;

/** Undefined: legacy knows no such session. A failure or a throw: legacy cannot say. */
export type AskLegacySession = (question: SessionQuestion) => Promise<SessionRecord | Failure | undefined>;

export function wordSessionQuestion(
  arrival: Arrival,
  tenant: TenantName,
  sessionKey: string,
  signTag: TagSigner,
): SessionQuestion {
  const { host, requestId, trace } = arrival;
  const tag = signTag({
    side: 'legacy',
    subject: 'anonymous',
    tenant,
    scopes: [SESSION_SCOPE],
    by: undefined,
    request: { id: requestId, method: 'POST', target: SESSION_PATH },
  });
  const headers = [
    'X-Identity-Tag',
    tag,
    'X-Tenant-Id',
    tenant,
    'X-Request-Id',
    requestId,
    'traceparent',
    writeTraceparent(trace),
  ];
  return { tenant, host, sessionKey, tag, headers };
}
