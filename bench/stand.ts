// What a comparison needs, set up once: the upstream, the load generator, Banyan with everything on, and its peers, each a process of
// its own and all of them there from the beginning, so that rounds can go from one to the next.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Banyan, type BanyanWish, openPremises, type Premises } from './banyan/index.ts';
import { type LoadGenerator, startLoad } from './load/index.ts';
import type { Rig } from './part.ts';
import { type PeerName, startPeer } from './peers/index.ts';
import type { Server } from './processes.ts';
import { startRawUpstream, startUpstream, type Upstream } from './upstream/index.ts';

export type BanyanName = `Banyan${string}`;

export type Contestant = Readonly<{
  name: PeerName | BanyanName;
  server: Server;
  /** Between two rounds. */
  tidy(): void;
}>;

export type Missing = Readonly<{ name: PeerName; missing: string }>;

export type Stand = Readonly<{
  folder: string;
  upstream: Upstream;
  load: LoadGenerator;
  premises: Premises;
  contestants: readonly Contestant[];
  missing: readonly Missing[];
  /** Once more Banyan, perhaps with other settings. */
  addBanyan(name: BanyanName, wish: Omit<BanyanWish, 'upstreamPort'>): Promise<Contestant>;
  /** One more peer, or the reason why there is none. */
  addPeer(name: PeerName): Promise<Contestant | Missing>;
  close(): Promise<void>;
}>;

export type StandWish = Readonly<{
  peers: readonly PeerName[];
  callers: number;
  /** `any`: nginx where it is installed. `raw`: one that takes uploads and holds streams. */
  upstream: 'any' | 'raw';
}>;

export async function openStand(rig: Rig, wish: StandWish): Promise<Stand> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await one();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return await build(rig, wish, folder, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function build(
  { cores }: Rig,
  wish: StandWish,
  folder: string,
  closers: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Stand> {
  const startWished = wish.upstream === 'raw' ? startRawUpstream : startUpstream;
  const upstream = await startWished({ folder, cores: cores.load });
  closers.push(upstream.stop);
  const load = startLoad();
  closers.push(load.stop);
  const upstreamPort = upstream.port;
  const premises = await openPremises({ folder, callers: wish.callers, upstreamPort });
  closers.push(premises.close);
  const addBanyan: Stand['addBanyan'] = async (name, how) => {
    const banyan: Banyan = await premises.start({ upstreamPort, ...how });
    closers.push(banyan.stop);
    return { name, server: banyan, tidy: banyan.emptyLog };
  };
  const addPeer: Stand['addPeer'] = async (name) => {
    const started = await startPeer(name, { folder, cores: cores.proxy, upstreamPort });
    if ('missing' in started) return { name, ...started };
    closers.push(started.stop);
    return { name, server: started, tidy: () => undefined };
  };
  const contestants = [await addBanyan('Banyan', { cores: cores.proxy })];
  const missing: Missing[] = [];
  for (const name of wish.peers) {
    const peer = await addPeer(name);
    if ('missing' in peer) missing.push(peer);
    else contestants.push(peer);
  }
  return { folder, upstream, load, premises, contestants, missing, addBanyan, addPeer, close };
}

/** Runs a story on a stand, and clears it away whatever happens. */
export async function onStand<T>(rig: Rig, wish: StandWish, story: (stand: Stand) => Promise<T>): Promise<T> {
  const stand = await openStand(rig, wish);
  try {
    return await story(stand);
  } finally {
    await stand.close();
  }
}
