import type { TenantName, UserId } from './ids.ts';

/** How a caller proved who they are. */
export type CredentialKind = 'api_key' | 'jwt' | 'session';

/**
 * Who sent this request. Checked once by admit; every room behind it takes this value and asks nothing again.
 * An anonymous caller still has a tenant where the host names one.
 */
export type Caller =
  | { readonly kind: 'anonymous'; readonly tenant: TenantName | undefined }
  | {
      readonly kind: 'known';
      readonly tenant: TenantName;
      readonly user: UserId;
      readonly scopes: readonly string[];
      readonly by: CredentialKind;
      /** Names the credential without being one: a key's public prefix, a token's `jti`, a session's hash. */
      readonly credentialId: string;
    };

export type KnownCaller = Extract<Caller, { kind: 'known' }>;

/** Who may come in on a route: `public` ignores credentials that fail, `optional` refuses bad ones, `required` also none. */
export type AdmitPolicy = 'public' | 'optional' | 'required';
export const ADMIT_POLICIES = ['public', 'optional', 'required'] as const satisfies readonly AdmitPolicy[];

/** A caller with this scope may force a side with `X-Banyan-Side`. */
export const QA_SCOPE = 'qa';
/** Scopes that begin so are the gateway's own: no key or token may carry one. */
export const RESERVED_SCOPE_PREFIX = 'banyan.';
/** The scope of the gateway's own question to legacy: whose session is this? */
export const SESSION_SCOPE = 'banyan.session';
/** Legacy answers that question here; a client's path that begins with `/.banyan/` never goes on. */
export const SESSION_PATH = '/.banyan/session/';

export function hasScope(caller: Caller, scope: string): boolean {
  return caller.kind === 'known' && caller.scopes.includes(scope);
}
