import type { IncomingMessage } from 'node:http';
import type { User } from '../accounts/users.ts';
import type { Connection, Database } from '../database/connection.ts';
import type { Tenant } from '../database/registry.ts';
import type { Engine } from '../engine.ts';
import type { IdentityTag } from '../verify-identity-tag.ts';
import type { ChatHub } from '../views/chat-hub.ts';
import type { Answer } from './answers.ts';
import type { Lane } from './lane.ts';

/** What all views share. */
export type House = Readonly<{
  database: Database;
  lane: Lane;
  engine: Engine;
  hub: ChatHub;
  dashboardMs: number;
  secretKey: string;
}>;

/** One request, as a view sees it. */
export type Ask = Readonly<{
  request: IncomingMessage;
  tenant: Tenant;
  tag: IdentityTag;
  /** What the path's parameters matched, still percent-encoded. */
  params: Readonly<Record<string, string>>;
  /** Empty for views that read the request themselves. */
  body: Buffer;
  house: House;
  /**
   * The view's synchronous part: waits for the lane, holds a connection whose search_path is the tenant's schema, and has
   * checked method and identity before. `user` is undefined only in views that take anybody.
   */
  within<T>(work: (db: Connection, user: User | undefined) => Promise<T>): Promise<T>;
  /** The same without holding the lane: for reading and writing in pieces while the network is waited for. */
  beside<T>(work: (db: Connection) => Promise<T>): Promise<T>;
}>;

export type Method = 'GET' | 'POST' | 'DELETE';
export type View = Readonly<{
  /** As OPTIONS tells it. */
  name: string;
  takes: 'anybody' | 'users';
  /** The media type that the view's parser reads. */
  parses: 'application/json' | 'multipart/form-data';
  methods: Readonly<Partial<Record<Method, (ask: Ask) => Promise<Answer>>>>;
}>;

/** The methods that a view answers, in the order in which Django lists them. */
export function listMethods(view: View): readonly string[] {
  const own = (['GET', 'POST', 'DELETE'] as const).filter((method) => view.methods[method]);
  return [...own, ...(view.methods.GET ? ['HEAD'] : []), 'OPTIONS'];
}
