declare const brand: unique symbol;

/** A plain value that only its parser can make. */
export type Branded<Plain, Name extends string> = Plain & { readonly [brand]: Name };

/** A tenant as people and headers name it, for example `acme`. */
export type TenantName = Branded<string, 'TenantName'>;
/** The number that legacy's registry and the column `tenant_id` carry. */
export type TenantId = Branded<number, 'TenantId'>;
/** Legacy's user number: per tenant, so it means nothing without its tenant. */
export type UserId = Branded<number, 'UserId'>;
export type RouteId = Branded<string, 'RouteId'>;
export type FeatureName = Branded<string, 'FeatureName'>;
export type FlagName = Branded<string, 'FlagName'>;
export type RequestId = Branded<string, 'RequestId'>;
/** The hash of a whole snapshot of the route table and its flags: 12 hex digits. */
export type Revision = Branded<string, 'Revision'>;

const LARGEST_INT4 = 2_147_483_647;
// A DNS label (RFC 1035 section 2.3.1): the name is also the first label of the tenant's host.
const TENANT_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const DOTTED_NAME = /^[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)*$/;
// What we take over from a client's X-Request-Id: short, printable, harmless in a log line.
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

function parsePattern<Id>(pattern: RegExp, longest: number) {
  return (value: unknown): Id | undefined =>
    typeof value === 'string' && value.length <= longest && pattern.test(value) ? (value as Id) : undefined;
}

function parsePositiveInt<Id>(value: unknown): Id | undefined {
  const number = typeof value === 'string' && /^[1-9][0-9]{0,9}$/.test(value) ? Number(value) : value;
  const fits =
    typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= LARGEST_INT4;
  return fits ? (number as Id) : undefined;
}

export const parseTenantName = parsePattern<TenantName>(TENANT_NAME, 63);
export const parseRouteId = parsePattern<RouteId>(DOTTED_NAME, 100);
export const parseFeatureName = parsePattern<FeatureName>(DOTTED_NAME, 100);
export const parseFlagName = parsePattern<FlagName>(DOTTED_NAME, 100);
export const parseRequestId = parsePattern<RequestId>(REQUEST_ID, 64);
export const parseRevision = parsePattern<Revision>(/^[0-9a-f]{12}$/, 12);
/** Takes a positive int4, as a number or in decimal digits. */
export const parseTenantId = (value: unknown) => parsePositiveInt<TenantId>(value);
/** Takes a positive int4, as a number or in decimal digits. */
export const parseUserId = (value: unknown) => parsePositiveInt<UserId>(value);
