// What the desk that measures costs is asked, and what its cases are called.
import type { Registered } from './registry.ts';
import type { FlagSource } from './rooms.ts';
import { nameSize, type Size } from './sizes.ts';

export type CostAsk =
  | Readonly<{ kind: 'open'; stores: ReadonlyMap<number, Registered>; folder: string }>
  | Readonly<{ kind: 'round' }>;
/** µs for one request, by the name of the case; nothing after opening. */
export type CostAnswer = ReadonlyMap<string, number>;

export const nameDecide = (source: FlagSource, size: Size) => `decide ${source} ${nameSize(size)}`;
export const nameFirst = (source: FlagSource, tenants: number) => `first ${source} ${tenants}`;
export const nameRequest = (source: FlagSource, size: Size) => `request ${source} ${nameSize(size)}`;
