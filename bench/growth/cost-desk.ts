// Measures what one request costs in admit and in decide, in µs. Each round measures every case once. Nothing that is measured ever waits,
// so what it takes is processor time; the middle one of several passes leaves out those in which the machine did something else. (What
// the kernel says of a thread's processor time comes in steps of up to 4 ms.)
import type { IncomingMessage } from 'node:http';
import { type Clock, createTagKeys, openAdmit } from '../../src/admit/index.ts';
import type { Decide } from '../../src/decide/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import {
  type Caller,
  type Failure,
  type FlagName,
  isFailure,
  type TenantName,
} from '../../src/vocabulary/index.ts';
import { servePart } from '../../tests/drills/part.ts';
import { median } from '../spread.ts';
import { type CostAnswer, type CostAsk, nameDecide, nameFirst, nameRequest } from './cost-cases.ts';
import type { Registered } from './registry.ts';
import { makeMessage, throwRequests } from './requests.ts';
import { FLAG_SOURCES, type FlagSource, openTable } from './rooms.ts';
import { listSizes, nameSize, type Size, TENANT_COUNTS } from './sizes.ts';
import { listRoutes } from './world.ts';

const REQUESTS = 8_192;
/** Each with a head of its own; as many as there are callers, or more. */
const MESSAGES = 4_096;
const PASSES = 5;
/** Until most of 4,000 tenants have asked for most of 50 flags. */
const WARM_PASSES = 50;
const FIRST_READINGS = 200;
const PLAIN = { wish: undefined, upgrade: false, path: '/' } as const;

/** `pass` goes through its requests once, and answers how many they were. */
type Case = Readonly<{ name: string; prepare(): Promise<void>; pass(): number }>;

const cases: Case[] = [];
/** What is worked out and not looked at could be left out by the compiler. */
let seen = 0;

servePart(async (asked: CostAsk): Promise<CostAnswer> => {
  if (asked.kind === 'open') {
    await openAll(asked);
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

type Opening = Extract<CostAsk, Readonly<{ kind: 'open' }>>;

async function openAll({ stores, folder }: Opening): Promise<void> {
  const open = new Map<number, Store>();
  for (const [count, { appUrl }] of stores)
    open.set(
      count,
      await openStore({ url: appUrl, emit: () => undefined, poolSize: 4, onUnscoped: 'count' }),
    );
  const storeOf = (count: number): Store => open.get(count) ?? fail();
  const gates = new Map([...open].map(([count, store]) => [count, openGate(store)]));
  const inboxes = new Map<string, readonly IncomingMessage[]>();
  for (const source of FLAG_SOURCES) {
    for (const size of listSizes()) {
      const { tenants } = storeOf(size.tenants);
      const { decide } = await openTable(size, source, { isTenant: tenants.knows, folder });
      cases.push(await openDecideCase(decide, source, size, tenants));
      const inbox = `${size.routes} ${size.tenants}`;
      const messages = inboxes.get(inbox) ?? fillInbox(size.routes, stores.get(size.tenants) ?? fail());
      inboxes.set(inbox, messages);
      const admit = gates.get(size.tenants) ?? fail();
      cases.push(openRequestCase(decide, admit, messages, { source, size, tenants }));
    }
    for (const count of TENANT_COUNTS) cases.push(await openFirstCase(source, count, folder));
  }
}

type Tenants = Store['tenants'];

/** Match and decide alone. */
async function openDecideCase(
  decide: Decide,
  source: FlagSource,
  size: Size,
  tenants: Tenants,
): Promise<Case> {
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

type About = Readonly<{ source: FlagSource; size: Size; tenants: Tenants }>;

/** All that admit and decide do for a request, in the order of the corridor. */
function openRequestCase(
  decide: Decide,
  admit: Admit,
  messages: readonly IncomingMessage[],
  { source, size, tenants }: About,
): Case {
  const pass = () => {
    for (const message of messages) {
      const table = decide.pin();
      const arrival = demand(admit.receive(message, table.tenants));
      const match = decide.match(table, arrival.method, arrival.path);
      const caller = admit.identify(arrival, match.admit);
      if (caller instanceof Promise) throw new Error('a caller is not cached');
      const who = demand(caller);
      const { side } = decide.decide(table, match, who, arrival);
      seen += admit.identity(arrival, who, side).ofRequest.length;
    }
    return messages.length;
  };
  const prepare = async () => {
    await tenants.list();
    const { tenants: rules } = decide.pin();
    for (const message of messages)
      demand(await admit.identify(demand(admit.receive(message, rules)), 'required'));
    pass();
  };
  return { name: nameRequest(source, size), prepare, pass };
}

/** Each reading is the first of its tenant: nobody has been asked before, and lists are looked through to their end. */
async function openFirstCase(source: FlagSource, tenants: number, folder: string): Promise<Case> {
  const size: Size = { routes: 10, tenants, flags: 10 };
  const { decide } = await openTable(size, source, { folder });
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

type Admit = ReturnType<typeof openAdmit>;

/** Proofs are believed for a minute, and many rounds take longer: one that ended in the middle of a pass would be asked for anew. */
const SLOW_CLOCK: Clock = { wallMs: () => Date.now(), steadyMs: () => performance.now() / 1_000 };

function openGate({ keys, tenants }: Store): Admit {
  return openAdmit({
    tagKeys: createTagKeys(),
    emit: () => undefined,
    keys,
    demoKeys: 'refused',
    isTenant: async (name) => (await tenants.find(name)) !== undefined,
    tagBinding: 'caller',
    clock: SLOW_CLOCK,
  });
}

/** Any route, any caller, each with the caller's own key. */
function fillInbox(routes: number, { keys }: Registered): readonly IncomingMessage[] {
  const asked = throwRequests(`inbox ${routes} ${keys.length}`, MESSAGES, listRoutes(routes), keys.length);
  return asked.map((one) => makeMessage(one, keys[one.caller] ?? ''));
}

function demand<Value extends object>(answer: Value): Exclude<Value, Failure> {
  if (isFailure(answer)) throw new Error(answer.code);
  return answer as Exclude<Value, Failure>;
}

function callerOf(tenant: TenantName): Caller {
  return {
    kind: 'known',
    tenant,
    user: 1 as never,
    scopes: ['read', 'write'],
    by: 'api_key',
    credentialId: 'byn_live_12345678',
  };
}

function fail(): never {
  throw new Error('no store for so many tenants');
}
