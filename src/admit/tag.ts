import { hash } from 'node:crypto';
import type { Arrival, Caller, CredentialKind, Side, TenantName } from '../vocabulary/index.ts';
import type { Clock } from './clock.ts';
import { signEs256 } from './ecdsa.ts';
import { randomText } from './random.ts';
import type { TagKeys } from './tag-keys.ts';

/** The `typ` of our tags: no client token may have it, no tag may be taken for one. */
export const TAG_TYPE = 'banyan-tag+jwt';
export const TAG_ISSUER = 'banyan';
export const TAG_LIFE_S = 30;

/** What a tag says; `docs/identity.md` lists the claims that it becomes. */
export type TagContent = Readonly<{
  side: Side;
  subject: string;
  tenant: TenantName | undefined;
  scopes: readonly string[];
  by: CredentialKind | undefined;
  /** The one request that it is for; without it, all that its caller sends while it lives. */
  request: Readonly<{ id: string; method: string; target: string }> | undefined;
}>;

/** What a tag is bound to: one request, or one caller. */
export const TAG_BINDINGS = ['request', 'caller'] as const;
export type TagBinding = (typeof TAG_BINDINGS)[number];

export type TagSigner = (content: TagContent) => string;

/** Signs by node:crypto itself: this may run once per request, and the header never changes. */
export function openTagSigner(keys: TagKeys, clock: Clock): TagSigner {
  const { kid, privateKey } = keys.signing;
  const header = encode({ alg: 'ES256', kid, typ: TAG_TYPE });
  return (content) => {
    const signed = `${header}.${encode(writeClaims(content, Math.floor(clock.wallMs() / 1000)))}`;
    return `${signed}.${signEs256(signed, privateKey)}`;
  };
}

/** What a tag says of one request to one side. */
export function describeRequest(arrival: Arrival, caller: Caller, side: Side): TagContent {
  const { requestId: id, method, target } = arrival;
  return { ...describeCaller(caller, side), request: { id, method, target } };
}

/** What a tag says of a caller, whatever they ask for. */
export function describeCaller(caller: Caller, side: Side): TagContent {
  const isKnown = caller.kind === 'known';
  return {
    side,
    subject: isKnown ? String(caller.user) : 'anonymous',
    tenant: caller.tenant,
    scopes: isKnown ? caller.scopes : [],
    by: isKnown ? caller.by : undefined,
    request: undefined,
  };
}

// Absent where undefined: JSON leaves such members out.
function writeClaims(content: TagContent, nowS: number): object {
  return {
    iss: TAG_ISSUER,
    aud: content.side,
    sub: content.subject,
    tenant: content.tenant,
    scope: content.scopes.join(' '),
    amr: content.by === undefined ? undefined : [content.by],
    ...(content.request && writeRequestClaims(content.request)),
    iat: nowS,
    exp: nowS + TAG_LIFE_S,
    jti: randomText(16, 'base64url'),
  };
}

function writeRequestClaims({ id, method, target }: NonNullable<TagContent['request']>): object {
  return { rid: id, htm: method, htp: hash('sha256', target, 'base64url') };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
