// Measures what one request costs in admit and in decide, in µs. Each round measures every case once. Nothing that is measured ever waits,
// so what it takes is processor time; the middle one of several passes leaves out those in which the machine did something else. (What
// the kernel says of a thread's processor time comes in steps of up to 4 ms.)
import { type Admit, createTagKeys, openAdmit } from '../../src/admit/index.ts';
import type { FlagSet } from '../../src/decide/flag-evaluator.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import {
  type Arrival,
  type Caller,
  type FlagName,
  isFailure,
  type TenantName,
} from '../../src/vocabulary/index.ts';
import { servePart } from '../../tests/drills/part.ts';
import { median } from '../spread.ts';
import type { Registered } from './registry.ts';
import { makeMessage, throwRequests } from './requests.ts';
import { FLAG_SOURCES, type FlagSource, openTable } from './rooms.ts';
import { listSizes, nameSize, type Size, TENANT_COUNTS } from './sizes.ts';
import { listRoutes } from './world.ts';

export type CostAsk = Readonly<{ kind: 'open'; stores: ReadonlyMap<number, Registered> }> | Readonly<{ kind: 'round' }>;
/** µs for one request, by the name of the case; nothing after opening. */
export type CostAnswer = ReadonlyMap<string, number>;

export const nameDecide = (source: FlagSource, size: Size) => `decide ${source} ${nameSize(size)}`;
export const nameFirst = (source: FlagSource, tenants: number) => `first ${source} ${tenants}`;
export const nameAdmit = (step: 'identify' | 'headers', tenants: number) => `${step} ${tenants}`;

const REQUESTS = 8_192;
const PASSES = 9;
/** Until nearly each of 4,000 tenants has asked for each of 50 flags. */
const WARM_PASSES = 100;
const FIRST_READINGS = 200;
const PLAIN = { wish: undefined, upgrade: false } as const;

/** `pass` goes through its requests once, and answers how many they were. */
type Case = Readonly<{ name: string; prepare(): Promise<void>; pass(): number }>;

const cases: Case[] = [];
/** What is worked out and not looked at could be left out by the compiler. */
let seen = 0;

servePart(async (asked: CostAsk): Promise<CostAnswer> => {
  if (asked.kind === 'open') {
    await openAll(asked.stores);
    return new Map();
  }
  const costs = new Map<string, number>();
  for (const one of cases) costs.set(one.name, await measureUs(one));
  if (seen === 0) throw new Error('nothing was done');
  return costs;
});

async function measureUs({ prepare, pass }: Case): Promise<number> {
  await prepare();
  return median(
    Array.from({ length: PASSES }, () => {
      const beganMs = performance.now();
      const requests = pass();
      return ((performance.now() - beganMs) * 1_000) / requests;
    }),
  );
}

async function openAll(stores: ReadonlyMap<number, Registered>): Promise<void> {
  const open = new Map<number, Store>();
  for (const [count, { appUrl }] of stores)
    open.set(count, await openStore({ url: appUrl, emit: () => undefined, poolSize: 4, onUnscoped: 'throw' }));
  const storeOf = (count: number): Store => open.get(count) ?? fail();
  for (const source of FLAG_SOURCES) {
    for (const size of listSizes()) cases.push(await openDecideCase(source, size, storeOf(size.tenants)));
    for (const count of TENANT_COUNTS) cases.push(await openFirstCase(source, count));
  }
  for (const [count, registered] of stores) cases.push(...openAdmitCases(registered, storeOf(count), count));
}

/** Match and decide, as the corridor does it. */
async function openDecideCase(source: FlagSource, size: Size, { tenants }: Store): Promise<Case> {
  const { decide } = await openTable(size, source, { isTenant: tenants.knows });
  const callers = (await tenants.list()).map(({ name }) => callerOf(name));
  const asked = throwRequests(nameSize(size), REQUESTS, listRoutes(size.routes), callers.length);
  let shift = 0;
  // In each pass other callers ask the same: in the long run everybody asks everything.
  const pass = () => {
    shift += 1;
    for (const { method, path, caller } of asked) {
      const table = decide.pin();
      const match = decide.match(table, method, path);
      const who = callers[(caller + shift) % callers.length] as Caller;
      if (decide.decide(table, match, who, PLAIN).side === 'new') seen += 1;
    }
    return asked.length;
  };
  for (let warm = 0; warm < WARM_PASSES; warm += 1) pass();
  const prepare = async () => {
    // Fresh for the next half minute.
    await tenants.list();
    pass();
  };
  return { name: nameDecide(source, size), prepare, pass };
}

/** Each reading is the first of its tenant: nobody has been asked before, and lists are looked through to their end. */
async function openFirstCase(source: FlagSource, tenants: number): Promise<Case> {
  const size: Size = { routes: 10, tenants, flags: 10 };
  const { decide } = await openTable(size, source);
  const flags = decide.pin().flagSet.definitions.map(({ name }) => name as FlagName);
  let round = 0;
  const pass = () => {
    round += 1;
    const { readFlag } = decide.pin();
    for (let number = 0; number < FIRST_READINGS; number += 1) {
      const name = `new-${round}-${number}` as TenantName;
      for (const flag of flags) if (readFlag(flag, name, undefined) === 'on') seen += 1;
    }
    return FIRST_READINGS * flags.length;
  };
  return { name: nameFirst(source, tenants), prepare: async () => undefined, pass };
}

function openAdmitCases({ keys }: Registered, { keys: book, tenants }: Store, count: number): readonly Case[] {
  const admit = openAdmit({
    tagKeys: createTagKeys(),
    emit: () => undefined,
    keys: book,
    demoKeys: 'refused',
    isTenant: async (name) => (await tenants.find(name)) !== undefined,
    tagBinding: 'caller',
  });
  const asked = throwRequests(`admit ${count}`, REQUESTS, listRoutes(200), keys.length);
  const messages = asked.map((one) => makeMessage(one, keys[one.caller] ?? ''));
  const rules = { byHost: undefined };
  let known: readonly (readonly [Arrival, Caller])[] = [];
  const learn = async () => {
    known = await Promise.all(
      messages.map(async (message) => {
        const arrival = admit.receive(message, rules);
        if (isFailure(arrival)) throw new Error(arrival.code);
        const caller = await admit.identify(arrival, 'required');
        if (isFailure(caller)) throw new Error(caller.code);
        return [arrival, caller] as const;
      }),
    );
  };
  const identify = () => {
    for (const message of messages) {
      const arrival = admit.receive(message, rules);
      if (isFailure(arrival)) throw new Error(arrival.code);
      const caller = admit.identify(arrival, 'required');
      if (caller instanceof Promise || isFailure(caller)) throw new Error('a caller is not cached');
      seen += caller.kind === 'known' ? 1 : 0;
    }
    return messages.length;
  };
  const write = () => {
    for (const [arrival, caller] of known) seen += admit.identityHeaders(arrival, caller, 'legacy').length;
    return known.length;
  };
  return [
    { name: nameAdmit('identify', count), prepare: learn, pass: identify },
    { name: nameAdmit('headers', count), prepare: async () => void write(), pass: write },
  ];
}

function callerOf(tenant: TenantName): Caller {
  return { kind: 'known', tenant, user: 1 as never, scopes: ['read', 'write'], by: 'api_key', credentialId: 'byn_live_12345678' };
}

function fail(): never {
  throw new Error('no store for so many tenants');
}
