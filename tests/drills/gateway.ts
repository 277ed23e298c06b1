// A gateway in a process of its own, with rehearsals whose handlers the drill can spoil; tells what it measured of itself.
import { type House, type HouseWish, openHouse } from '../../src/main.ts';
import { startProcess } from '../../src/mirror/index.ts';
import { loadSettings } from '../support/house.ts';
import { type Seen, Watcher } from './gateway-watcher.ts';
import { servePart } from './part.ts';

export type GatewayWish = Pick<
  HouseWish,
  'databaseUrl' | 'legacyUrl' | 'legacyDatabaseUrl' | 'adminToken' | 'tagKeys'
> &
  Readonly<{ env: Readonly<Record<string, string>> }>;

export type GatewayAsk =
  | Readonly<{ kind: 'open'; wish: GatewayWish }>
  | Readonly<{ kind: 'look' }>
  /** Answers what has been seen, and begins anew. */
  | Readonly<{ kind: 'take' }>
  | Readonly<{ kind: 'close' }>;
export type GatewayAnswer = Readonly<{ seen: Seen; tookMs: number }>;

const watcher = new Watcher();
let house: House | undefined;

async function open({ env, ...wish }: GatewayWish): Promise<void> {
  const settings = loadSettings(env);
  const module = new URL('./bad-shadow.ts', import.meta.url);
  watcher.forget();
  house = await openHouse({
    ...wish,
    settings,
    demoKeys: 'accepted',
    sink: { write: (line) => watcher.read(line), dropped: () => 0 },
    startRehearsals: (first) => startProcess({ module, first, heapMb: settings.MIRROR_HEAP_MB }),
  });
  house.subscribe((event) => watcher.note(event));
}

servePart<GatewayAsk, GatewayAnswer>(async (ask) => {
  const beganMs = performance.now();
  if (ask.kind === 'open') await open(ask.wish);
  if (ask.kind === 'close') await house?.close('drill');
  const seen = ask.kind === 'take' ? watcher.take() : watcher.look();
  return { seen, tookMs: performance.now() - beganMs };
});
