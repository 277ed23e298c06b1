/** Whose fault it was. */
export type Blame = 'caller' | 'legacy' | 'new' | 'us';

type Kind = Readonly<{ status: number; blame: Blame; title: string; detail: string }>;

/**
 * Every failure that the gateway itself answers with. A closed list: `docs/failures.md` says what each means and what to do,
 * and a test holds page and list together. `detail` is the sentence used where a room has no better one.
 */
export const FAILURES = {
  request_malformed: {
    status: 400,
    blame: 'caller',
    title: 'Malformed request',
    detail: 'The request breaks the rules of HTTP. Send it again with an up-to-date client.',
  },
  path_ambiguous: {
    status: 400,
    blame: 'caller',
    title: 'Ambiguous path',
    detail:
      'The path can be read in two ways. Send it without dot segments, double slashes, backslashes or needless escapes.',
  },
  upgrade_refused: {
    status: 400,
    blame: 'caller',
    title: 'Upgrade refused',
    detail: 'Only a WebSocket upgrade is understood here.',
  },
  credential_missing: {
    status: 401,
    blame: 'caller',
    title: 'Credential missing',
    detail: 'Send an API key as "Authorization: Bearer <key>" or "X-API-Key: <key>", or log in first.',
  },
  credential_invalid: {
    status: 401,
    blame: 'caller',
    title: 'Credential invalid',
    detail: 'The credential is not one of ours. Check it for typing errors or ask for a new one.',
  },
  credential_expired: {
    status: 401,
    blame: 'caller',
    title: 'Credential expired',
    detail: 'The credential was good once. Ask for a new one or log in again.',
  },
  credential_revoked: {
    status: 401,
    blame: 'caller',
    title: 'Credential revoked',
    detail: 'The credential was taken back. Ask for a new one.',
  },
  tenant_contradiction: {
    status: 403,
    blame: 'caller',
    title: 'Tenants contradict',
    detail: 'The credential belongs to another tenant than the host names. Call the host of your own tenant.',
  },
  tenant_unknown: {
    status: 404,
    blame: 'caller',
    title: 'Tenant unknown',
    detail: 'No tenant of that name exists here. Check the host name or the credential.',
  },
  path_reserved: {
    status: 404,
    blame: 'caller',
    title: 'Path reserved',
    detail: 'Paths below /.banyan/ belong to the gateway itself and cannot be called.',
  },
  method_refused: {
    status: 405,
    blame: 'caller',
    title: 'Method refused',
    detail: 'TRACE and CONNECT are not served here.',
  },
  body_too_large: {
    status: 413,
    blame: 'caller',
    title: 'Body too large',
    detail: 'The body is larger than this route takes. Send less.',
  },
  target_too_long: {
    status: 414,
    blame: 'caller',
    title: 'Request target too long',
    detail: 'The URL is longer than 16 KiB. Send long values in the body.',
  },
  expectation_failed: {
    status: 417,
    blame: 'caller',
    title: 'Expectation failed',
    detail: 'Of all expectations only "100-continue" can be met.',
  },
  tenant_busy: {
    status: 429,
    blame: 'caller',
    title: 'Too many requests at once',
    detail:
      'So many requests of this tenant are being answered that there is no place for one more. Wait for answers before you send the next.',
  },
  headers_too_large: {
    status: 431,
    blame: 'caller',
    title: 'Headers too large',
    detail: 'The headers are more or longer than can be taken. Send fewer cookies.',
  },
  request_too_slow: {
    status: 408,
    blame: 'caller',
    title: 'Request too slow',
    detail: 'The request did not arrive in time. Send it again.',
  },
  loop_detected: {
    status: 508,
    blame: 'us',
    title: 'Loop detected',
    detail: 'The request has come through this gateway before. Ask the platform team to check LEGACY_URL.',
  },
  legacy_unreachable: {
    status: 503,
    blame: 'legacy',
    title: 'Legacy unreachable',
    detail: 'The part that answers this cannot be reached at the moment. Try again shortly.',
  },
  legacy_unavailable: {
    status: 503,
    blame: 'legacy',
    title: 'Legacy unavailable',
    detail: 'The part that answers this is resting after failures. Try again shortly.',
  },
  legacy_busy: {
    status: 503,
    blame: 'legacy',
    title: 'Legacy busy',
    detail:
      'The part that answers this has more to do than it can take; other parts work as usual. Nothing was changed. Try again shortly.',
  },
  legacy_broken_answer: {
    status: 502,
    blame: 'legacy',
    title: 'Broken answer',
    detail:
      'The part that answers this broke off before a whole answer had come. If you sent something, it may have been carried out: look before you repeat it.',
  },
  legacy_too_slow: {
    status: 504,
    blame: 'legacy',
    title: 'Legacy too slow',
    detail:
      'The part that answers this took too long. If you sent something, it may have been carried out: look before you repeat it.',
  },
  new_failed: {
    status: 500,
    blame: 'new',
    title: 'New side failed',
    detail: 'The part that answers this failed. The platform team can find it by the request id.',
  },
  new_too_slow: {
    status: 504,
    blame: 'new',
    title: 'New side too slow',
    detail:
      'The part that answers this took too long. If you sent something, it may have been carried out: look before you repeat it.',
  },
  new_unavailable: {
    status: 503,
    blame: 'new',
    title: 'New side unavailable',
    detail: 'The part that answers this is resting after failures. Try again shortly.',
  },
  new_busy: {
    status: 503,
    blame: 'new',
    title: 'New side busy',
    detail:
      'The part that answers this has more to do than it can take; other parts work as usual. Nothing was changed. Try again shortly.',
  },
  store_unavailable: {
    status: 503,
    blame: 'us',
    title: 'Store unavailable',
    detail: 'The database cannot serve this at the moment. Try again shortly.',
  },
  write_held: {
    status: 503,
    blame: 'us',
    title: 'Write held',
    detail:
      'These data are just being moved, and nothing can be written to them for a moment. Nothing was changed. Send it again in a second.',
  },
  owner_unknown: {
    status: 503,
    blame: 'us',
    title: 'Owner unknown',
    detail:
      'It cannot be told at the moment where these data are kept, so nothing was written. Nothing was changed. Try again shortly.',
  },
  issuer_unreachable: {
    status: 503,
    blame: 'us',
    title: 'Issuer unreachable',
    detail: "The keys of the token's issuer cannot be fetched at the moment. Try again shortly.",
  },
  overloaded: {
    status: 503,
    blame: 'us',
    title: 'Gateway overloaded',
    detail: 'The gateway has more to do than it can take. Nothing was changed. Try again in a few seconds.',
  },
  internal_error: {
    status: 500,
    blame: 'us',
    title: 'Gateway error',
    detail: 'The gateway itself failed. The platform team can find it by the request id.',
  },
} as const satisfies Record<string, Kind>;

export type FailureCode = keyof typeof FAILURES;

/** An expected failure, as a value. Bugs are thrown instead. */
export type Failure = Readonly<{
  kind: 'failure';
  code: FailureCode;
  status: number;
  blame: Blame;
  title: string;
  /** A sentence a person can act on; never holds a host, a path of ours, a stack or text from a side. */
  detail: string;
  /** True only if nothing can have been written. */
  retrySafe: boolean;
  /** Whole seconds, where waiting helps. */
  retryAfterS: number | undefined;
}>;

/** Makes a failure of the closed list; `retrySafe` is true unless the room that made it knows better. */
export function fail(
  code: FailureCode,
  more: { readonly detail?: string; readonly retrySafe?: boolean; readonly retryAfterS?: number } = {},
): Failure {
  const { status, blame, title, detail } = FAILURES[code];
  return Object.freeze({
    kind: 'failure',
    code,
    status,
    blame,
    title,
    detail: more.detail ?? detail,
    retrySafe: more.retrySafe ?? true,
    retryAfterS: more.retryAfterS,
  });
}

export function isFailure(value: object): value is Failure {
  return 'kind' in value && value.kind === 'failure';
}
