import { type Blame, FAILURES } from '../../vocabulary/index.ts';

type Kind = Readonly<{ status: number; blame: Blame; title: string; detail: string }>;

/**
 * Every failure that the admin door answers with, besides `store_unavailable` and `internal_error`, which it shares with the
 * gateway. A closed list: `docs/admin-api.md` says what each means, and a test holds page and list together.
 */
export const ADMIN_FAILURES = {
  admin_token_invalid: {
    status: 401,
    blame: 'caller',
    title: 'Admin token invalid',
    detail: 'Send the admin token as "Authorization: Bearer <BANYAN_ADMIN_TOKEN>".',
  },
  host_refused: {
    status: 421,
    blame: 'caller',
    title: 'Host refused',
    detail: 'The admin door answers to localhost, to IP addresses and to the host that ADMIN_HOST names.',
  },
  path_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Path unknown',
    detail: 'The admin door has no such path. GET /openapi.json lists all of them.',
  },
  method_unknown: {
    status: 405,
    blame: 'caller',
    title: 'Method unknown',
    detail: 'This path does not take that method. The header Allow lists those that it takes.',
  },
  route_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Route unknown',
    detail: 'The table lists no such route or feature. GET /api/routes lists all of them.',
  },
  key_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Key unknown',
    detail: 'No API key has that id. GET /api/keys lists all of them.',
  },
  group_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Group unknown',
    detail: 'The ledger has no such group of differences. GET /api/diffs lists all of them.',
  },
  sample_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Sample unknown',
    detail: 'The ledger has no such sample. GET /api/diffs/{id} lists those of a group.',
  },
  values_locked: {
    status: 403,
    blame: 'caller',
    title: 'Values locked',
    detail: 'Values are kept by their shape. POST /api/diffs/{id}/unlock opens them for some minutes.',
  },
  move_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Move unknown',
    detail: 'Nobody moves that feature. GET /api/moves lists all moves.',
  },
  order_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Order unknown',
    detail: 'The mover was never given such an order. GET /api/moves shows the last one of each tenant.',
  },
  body_invalid: {
    status: 400,
    blame: 'caller',
    title: 'Body invalid',
    detail: 'The request does not have the form that GET /openapi.json describes.',
  },
  body_too_big: {
    status: 413,
    blame: 'caller',
    title: 'Body too large',
    detail: 'No body of this API is longer than 256 KiB.',
  },
  body_not_json: {
    status: 415,
    blame: 'caller',
    title: 'Body not JSON',
    detail: 'Send the body as application/json, UTF-8, not compressed.',
  },
  revision_missing: {
    status: 428,
    blame: 'caller',
    title: 'Revision missing',
    detail:
      'Send the revision that you have seen as If-Match, so that nobody’s change is overwritten unseen.',
  },
  revision_stale: {
    status: 412,
    blame: 'caller',
    title: 'Revision stale',
    detail: 'The table has changed since you looked. Look again, then decide again.',
  },
  flip_refused: {
    status: 409,
    blame: 'caller',
    title: 'Flip refused',
    detail: 'The flip was refused and nothing was changed.',
  },
  move_refused: {
    status: 409,
    blame: 'caller',
    title: 'Move refused',
    detail: 'The order was refused and nothing was changed.',
  },
  retire_unconfirmed: {
    status: 409,
    blame: 'caller',
    title: 'Retirement not confirmed',
    detail: 'The move could be retired, and there is no way back from that. Confirm it.',
  },
  table_unwritable: {
    status: 503,
    blame: 'us',
    title: 'Table unwritable',
    detail: 'The route table could not be written, so nothing was changed.',
  },
  audit_unwritable: {
    status: 503,
    blame: 'us',
    title: 'Audit log unwritable',
    detail: 'The audit log could not be written, so nothing was changed. Check the store, then try again.',
  },
  streams_full: {
    status: 503,
    blame: 'us',
    title: 'Too many listeners',
    detail: 'All event streams are taken. Close a console and try again.',
  },
} as const satisfies Record<string, Kind>;

const SHARED = {
  store_unavailable: FAILURES.store_unavailable,
  internal_error: {
    ...FAILURES.internal_error,
    detail: 'The admin door itself failed. Look in the log for the request id.',
  },
} as const;

const ALL = { ...ADMIN_FAILURES, ...SHARED };
export type AdminFailureCode = keyof typeof ALL;

/** An expected failure of the admin door, as a value. */
export type AdminFailure = Readonly<{
  kind: 'admin_failure';
  code: AdminFailureCode;
  detail: string;
  /** All that is wrong, one sentence each, where there is more to say than `detail`. */
  mistakes: readonly string[];
}>;

export function refuse(
  code: AdminFailureCode,
  detail: string = ALL[code].detail,
  mistakes: readonly string[] = [],
): AdminFailure {
  return Object.freeze({ kind: 'admin_failure', code, detail, mistakes });
}

export function isRefusal(value: unknown): value is AdminFailure {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'admin_failure';
}

export function statusOf(failure: AdminFailure): number {
  return ALL[failure.code].status;
}

/** RFC 9457, with the members that the gateway's own problems carry (`docs/failures.md`). */
export function toProblem(failure: AdminFailure, requestId: string): Record<string, unknown> {
  const { status, blame, title } = ALL[failure.code];
  const { code, detail, mistakes } = failure;
  return {
    type: `urn:banyan:failure:${code}`,
    title,
    status,
    detail,
    code,
    blame,
    request_id: requestId,
    retry_safe: true,
    ...(mistakes.length > 0 ? { mistakes } : {}),
  };
}
