import type { Bound, Rig } from '../part.ts';
import type { PeerName } from '../peers/index.ts';

/** Requests per second of processor, Banyan's divided by theirs. */
export const BOUNDS: Readonly<Record<PeerName, Bound | undefined>> = {
  nginx: { kind: 'at_least', least: 0.25, aim: 0.4 },
  HAProxy: undefined,
  Caddy: { kind: 'at_least', least: 1.2, aim: 2 },
  '@fastify/http-proxy': { kind: 'at_least', least: 1.5, aim: 2.5 },
  'express 5 + http-proxy-middleware 4': { kind: 'at_least', least: 4.5, aim: 8 },
  'fast-proxy': undefined,
  'bare undici': { kind: 'at_least', least: 0.75, aim: 1 },
};

/** The short mode asks those only who have a bound. */
export function choosePeers(mode: Rig['mode']): readonly PeerName[] {
  const all = Object.keys(BOUNDS) as PeerName[];
  return mode === 'full' ? all : all.filter((name) => BOUNDS[name] !== undefined);
}
