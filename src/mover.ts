// The mover's process: hands rows over, tenant by tenant, and carries back to legacy what the new side writes. The gateway starts it and
// starts it again; whatever it was at when it ended is taken back or finished by the next one.
import { fileURLToPath } from 'node:url';
import { openFollow, openMover } from './move/index.ts';
import { openStore } from './store/index.ts';
import type { BanyanEvent } from './vocabulary/index.ts';

/** The gateway's first message. */
export type MoverOrders = Readonly<{
  databaseUrl: string;
  legacyUrl: string;
  slot: string;
  recheckMinutes: number;
}>;

const MINUTE_MS = 60_000;

/** Tenants' rows are read a table at a time; orders, leases and the outbox go by the gateway's own connections. */
const POOL_SIZE = 4;

async function serve({ databaseUrl, ...orders }: MoverOrders): Promise<() => Promise<void>> {
  const { legacyUrl, slot, recheckMinutes } = orders;
  const emit = (event: BanyanEvent) => void process.send?.(event, undefined, undefined, () => undefined);
  const store = await openStore({ url: databaseUrl, emit, poolSize: POOL_SIZE, onUnscoped: 'refuse' });
  // Of its own: whoever reads the slot, this process knows how far it has come. What it tells of it the rehearsals tell, too.
  const follower = openFollow({ legacyUrl, slot, store: store.follow, emit: () => undefined });
  const mover = openMover({
    legacyUrl,
    storeUrl: databaseUrl,
    slot,
    store,
    follower,
    emit,
    recheckMs: recheckMinutes * MINUTE_MS,
  });
  return async () => {
    await mover.close();
    await follower.close();
    await store.close();
  };
}

function runMover(): void {
  let closing: Promise<() => Promise<void>> | undefined;
  process.once('message', (orders) => {
    closing = serve(orders as MoverOrders);
    closing.catch((error: unknown) => {
      process.stderr.write(
        `The mover could not begin: ${error instanceof Error ? error.message : String(error)}\n`,
      );
      process.exit(1);
    });
  });
  // With the gateway goes its mover.
  process.once('disconnect', async () => {
    await (await closing?.catch(() => undefined))?.().catch(() => undefined);
    process.exit(0);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) runMover();
