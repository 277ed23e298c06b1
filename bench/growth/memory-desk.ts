// Measures what decide and admit keep of each tenant, and whether strangers can make them keep more: heap after the garbage was taken
// away. What callers bring with them (their keys, their names) is there before, and stays.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createApiKey, createTagKeys, openAdmit } from '../../src/admit/index.ts';
import {
  type Caller,
  isFailure,
  type KeyBook,
  type KeyRecord,
  parseTenantName,
  parseUserId,
  type TenantName,
} from '../../src/vocabulary/index.ts';
import { servePart } from '../../tests/drills/part.ts';
import { makeMessage } from './requests.ts';
import { type FlagSource, openTable } from './rooms.ts';
import { fillPath, listRoutes, nameTenants } from './world.ts';

export type MemoryAsk =
  | Readonly<{ room: 'decide'; source: FlagSource }>
  | Readonly<{ room: 'admit' }>
  | Readonly<{ room: 'strangers' }>;

const FEW = 4;
const MANY = 4_000;
const FLAGS = 10;
/** As many as fill every cache that is bounded; and then as many again, several times. */
const FIRST_STRANGERS = 25_000;
const MORE_STRANGERS = 75_000;
const PLAIN = { wish: undefined, upgrade: false, path: '/' } as const;

/** Answers bytes: of each tenant, or of all strangers beyond the first. */
servePart(async (asked: MemoryAsk): Promise<number> => {
  switch (asked.room) {
    case 'decide':
      return measureDecide(asked.source);
    case 'admit':
      return measureAdmit();
    case 'strangers':
      return measureStrangers();
  }
});

async function measureDecide(source: FlagSource): Promise<number> {
  const { decide, close } = await openTable({ routes: 200, tenants: MANY, flags: FLAGS }, source);
  const callers = nameTenants(MANY).map((name) => callerOf(name as TenantName));
  const routes = listRoutes(200).map(({ method, template }) => ({ method, path: fillPath(template, 1) }));
  const visit = (caller: Caller) => {
    const table = decide.pin();
    for (const { method, path } of routes)
      decide.decide(table, decide.match(table, method, path), caller, PLAIN);
  };
  const bytes = await measureEach(callers, visit);
  await close();
  return bytes;
}

async function measureAdmit(): Promise<number> {
  const made = nameTenants(MANY).map((name) => makeKey(name as TenantName));
  const admit = openRoom(made.map(({ record }) => record));
  const messages = made.map(({ key }) => makeMessage({ method: 'GET', path: '/api/', caller: 0 }, key));
  const bytes = await measureEach(messages, async (message) => {
    const arrival = admit.receive(message, { byHost: undefined });
    if (isFailure(arrival)) throw new Error(arrival.code);
    const caller = await admit.identify(arrival, 'required');
    if (isFailure(caller)) throw new Error(caller.code);
    admit.identity(arrival, caller, 'legacy');
  });
  admit.close();
  return bytes;
}

/** Keys that are well formed and nobody's, and hosts that name tenants of their own making. */
async function measureStrangers(): Promise<number> {
  const admit = openRoom([]);
  const known = new Set<string>(nameTenants(MANY));
  const { decide, close } = await openTable({ routes: 200, tenants: MANY, flags: FLAGS }, 'unleash', {
    isTenant: (name) => known.has(name),
  });
  const routes = listRoutes(200).map(({ method, template }) => ({ method, path: fillPath(template, 1) }));
  const visit = async (number: number) => {
    const table = decide.pin();
    const { method, path } = routes[number % routes.length] ?? { method: 'GET', path: '/' };
    const { key } = makeKey('nobody' as TenantName);
    const message = makeMessage({ method, path: `${path}?${number}`, caller: 0 }, key);
    if (number % 2 === 0) message.rawHeaders.splice(0, 2, 'Host', `stranger-${number}.example.com`);
    if (number % 2 === 0) message.rawHeaders.splice(8, 2);
    const arrival = admit.receive(message, table.tenants);
    if (isFailure(arrival)) throw new Error(arrival.code);
    const match = decide.match(table, arrival.method, arrival.path);
    const caller = await admit.identify(arrival, 'optional');
    if (isFailure(caller)) return;
    decide.decide(table, match, caller, PLAIN);
    admit.identity(arrival, caller, 'legacy');
  };
  for (let number = 0; number < FIRST_STRANGERS; number += 1) await visit(number);
  const before = weigh();
  for (let number = 0; number < MORE_STRANGERS; number += 1) await visit(FIRST_STRANGERS + number);
  const bytes = weigh() - before;
  admit.close();
  await close();
  return bytes;
}

async function measureEach<Thing>(
  things: readonly Thing[],
  visit: (thing: Thing) => unknown,
): Promise<number> {
  for (const thing of things.slice(0, FEW)) await visit(thing);
  const before = weigh();
  for (const thing of things.slice(FEW)) await visit(thing);
  return (weigh() - before) / (things.length - FEW);
}

setFlagsFromString('--expose-gc');
const sweep = runInNewContext('gc') as () => void;

function weigh(): number {
  // What is held weakly goes with the second.
  sweep();
  sweep();
  return process.memoryUsage().heapUsed;
}

function openRoom(records: readonly KeyRecord[]) {
  const byHash = new Map(records.map((record) => [record.hash, record]));
  const keys: Pick<KeyBook, 'find' | 'revokedSince'> = {
    find: async (hash) => byHash.get(hash),
    revokedSince: async () => [],
  };
  return openAdmit({
    tagKeys: createTagKeys(),
    emit: () => undefined,
    keys: keys as KeyBook,
    demoKeys: 'refused',
    isTenant: () => true,
    tagBinding: 'caller',
  });
}

function makeKey(tenant: TenantName) {
  const user = parseUserId(1);
  if (user === undefined || parseTenantName(tenant) === undefined) throw new Error(`${tenant} is no tenant`);
  return createApiKey({ env: 'live', tenant, user, scopes: ['read'], label: 'bench', expiresAt: undefined });
}

function callerOf(tenant: TenantName): Caller {
  const user = parseUserId(1);
  if (user === undefined) throw new Error('1 is a user id');
  return { kind: 'known', tenant, user, scopes: ['read'], by: 'api_key', credentialId: 'byn_live_12345678' };
}
