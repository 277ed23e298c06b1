import {
  type Emit,
  fail,
  type KnownCaller,
  parseTenantName,
  parseUserId,
  type TenantName,
} from '../vocabulary/index.ts';
import type { Clock } from './clock.ts';
import type { Eventual } from './eventual.ts';
import { openProofCache, type Proof } from './proof-cache.ts';
import { tellTrouble } from './trouble.ts';

const PREFIX = 'byn_demo_';
const GOOD_MS = 60_000;
const MOST_GOOD = 1_000;

export type DemoWish = Readonly<{
  isTenant: (name: TenantName) => Eventual<boolean>;
  emit: Emit;
  clock: Clock;
}>;

/** The tenant of a demo key, `byn_demo_<tenant>`. */
export function readDemoKey(key: string): TenantName | undefined {
  return key.startsWith(PREFIX) ? parseTenantName(key.slice(PREFIX.length)) : undefined;
}

/** Keys that anybody can guess, for tenants that are made up: never beside a store that is not embedded. */
export function openDemoKeys({ isTenant, emit, clock }: DemoWish): (tenant: TenantName) => Eventual<Proof> {
  const good = openProofCache<KnownCaller>(MOST_GOOD, clock);
  const judge = (tenant: TenantName, exists: boolean): Proof => {
    if (!exists)
      return fail('credential_invalid', { detail: 'No demo tenant has the name in this demo key.' });
    const caller = makeDemoCaller(tenant);
    good.keep(tenant, caller, { freshMs: GOOD_MS });
    return caller;
  };
  const ask = async (tenant: TenantName): Promise<Proof> => {
    try {
      return judge(tenant, await isTenant(tenant));
    } catch (error) {
      return tellTrouble(error, 'admit: tenants', emit);
    }
  };
  return (tenant) => good.get(tenant) ?? ask(tenant);
}

function makeDemoCaller(tenant: TenantName): KnownCaller {
  const user = parseUserId(1);
  if (user === undefined) throw new Error('1 is a user id');
  return Object.freeze({
    kind: 'known',
    tenant,
    user,
    scopes: Object.freeze(['read', 'write']),
    by: 'api_key',
    credentialId: `${PREFIX}${tenant}`,
  });
}
