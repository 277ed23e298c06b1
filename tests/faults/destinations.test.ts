import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Forward } from '../../src/forward/index.ts';

// A DNS of the test's own, in the place of the system's: put there before the room that asks it is loaded.

type Address = Readonly<{ address: string; family: 4 | 6 }>;
type Done = (error: null, found: readonly Address[]) => void;
let addresses: readonly Address[] = [];

const NAME = 'monolith.example';
const dns = process.getBuiltinModule('node:dns') as unknown as {
  lookup: (...all: readonly unknown[]) => void;
};
const systems = dns.lookup;
let openForward: (wish: { legacyUrl: string }) => Forward;
const monolith = createServer((_req, res) => res.end());
let forward: Forward;
const troubles: string[] = [];
const noteTrouble = (message: unknown) => troubles.push((message as { error: Error }).error.message);

beforeAll(async () => {
  dns.lookup = (name, ...rest) =>
    name === NAME ? (rest[1] as Done)(null, addresses) : systems(name, ...rest);
  ({ openForward } = await import('../../src/forward/index.ts'));
  subscribe('undici:client:connectError', noteTrouble);
  await new Promise<void>((resolve) => monolith.listen(0, '127.0.0.1', resolve));
  forward = openForward({ legacyUrl: `http://${NAME}:${(monolith.address() as AddressInfo).port}` });
});
afterAll(async () => {
  dns.lookup = systems;
  unsubscribe('undici:client:connectError', noteTrouble);
  await forward.close();
  monolith.close();
});

const METADATA: readonly Address[] = [
  { address: '169.254.169.254', family: 4 },
  { address: 'fe80::1', family: 6 },
  { address: 'fd00:ec2::254', family: 6 },
  { address: '::ffff:169.254.169.254', family: 6 },
];

test.each(METADATA)(
  'row-047-destinations: where the monolith’s name leads to $address, nothing is sent there',
  async (address) => {
    addresses = [address];

    expect(await forward.ping(1_000)).toBe(false);

    expect(troubles.at(-1)).toBe('the name leads to link-local addresses only');
  },
);

test('row-047-destinations: the other addresses of the same name are used', async () => {
  addresses = [...METADATA, { address: '127.0.0.1', family: 4 }];

  expect(await forward.ping(2_000)).toBe(true);
});
