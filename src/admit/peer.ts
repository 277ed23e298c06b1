import { BlockList, isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Head, RawRequest } from './head.ts';
import { readList } from './head.ts';

export type Peer = Readonly<{ address: string; proto: 'http' | 'https' }>;
export type TrustedProxies = Readonly<{ has(address: string): boolean }>;

/** Addresses (`10.0.0.7`, `::1`) and networks (`10.0.0.0/8`) whose `X-Forwarded-For` and `-Proto` are believed. Throws on anything else. */
export function readTrustedProxies(entries: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const entry of entries) addEntry(list, entry);
  if (entries.length === 0) return { has: () => false };
  const judged = new LRUCache<string, boolean>({ max: MOST_JUDGED });
  const judge = (address: string) =>
    isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return {
    has(address) {
      const known = judged.get(address);
      if (known !== undefined) return known;
      const isTrusted = judge(address);
      judged.set(address, isTrusted);
      return isTrusted;
    },
  };
}

// Behind a balancer all come from a few addresses, and a look into the list is 2 µs.
const MOST_JUDGED = 1_000;

function addEntry(list: BlockList, entry: string): void {
  const [address = '', prefix, more] = entry.split('/');
  const family = isIP(address);
  const bits = Number(prefix ?? (family === 6 ? 128 : 32));
  if (
    family === 0 ||
    more !== undefined ||
    !Number.isInteger(bits) ||
    bits < 0 ||
    bits > (family === 6 ? 128 : 32)
  )
    throw new Error(`"${entry}" is not a proxy's address: write it as 10.0.0.7 or 10.0.0.0/8.`);
  list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Whom the request came from. What a client says of itself counts for nothing; what a listed proxy says of its client does, read from the
 * right, so that only hops that we trust are believed.
 */
export function readPeer(head: Head, req: RawRequest, trusted: TrustedProxies): Peer {
  const direct = plainAddress(req.socket.remoteAddress ?? '');
  const proto = req.socket.encrypted === true ? 'https' : 'http';
  if (!trusted.has(direct)) return { address: direct, proto };
  let address = direct;
  for (const hop of readList(head, 'x-forwarded-for').toReversed()) {
    const told = plainAddress(hop);
    if (isIP(told) === 0) break;
    address = told;
    if (!trusted.has(told)) break;
  }
  const told = readList(head, 'x-forwarded-proto').at(-1)?.toLowerCase();
  return { address, proto: told === 'https' || told === 'http' ? told : proto };
}

// A socket that listens on both families shows IPv4 peers in IPv6 clothes.
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}
