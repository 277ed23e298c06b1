// The two doors of a house: the gateway, which end users call, and the admin door.
import { type Intake, type Listener, openListener, type PortWish } from './accept/index.ts';
import { createApiKey, wantsWebSocket } from './admit/index.ts';
import { tableJsonSchema } from './decide/index.ts';
import type { Defend } from './defend/index.ts';
import { prepareReturn } from './move/index.ts';
import type { Observe } from './observe/index.ts';
import { openAdminDoor, openTableTexts } from './operate/index.ts';
import { openCorridor } from './proxy.ts';
import type { HouseWish, Rest, Rooms } from './rooms.ts';
import { StoreUnavailable } from './store/index.ts';

/** What the admin door tells of the processes that it speaks for. */
export type Told = Pick<Observe, 'emit' | 'metrics' | 'readiness' | 'subscribe'>;

const ADMIN_CONNECTIONS = 1_000;

export function nameGatewayPort({ settings, sharing }: HouseWish): PortWish {
  return { host: settings.HOST, port: settings.PORT, setting: 'PORT', sharing };
}

export function openGateway(
  { settings }: HouseWish,
  { emit }: Pick<Observe, 'emit'>,
  { rest: defend, instance: { gate }, ...rooms }: Rooms<Defend>,
  from: PortWish | Intake,
): Promise<Listener> {
  const wish = {
    from,
    maxConnections: settings.MAX_CONNECTIONS,
    limits: {
      headersTimeoutMs: settings.HEADERS_TIMEOUT_MS,
      keepAliveMs: settings.KEEP_ALIVE_MS,
      stalledMs: settings.STALLED_MS,
      slowestUploadBytesPerS: settings.SLOWEST_UPLOAD_BYTES_PER_S,
    },
    emit,
    wantsUpgrade: wantsWebSocket,
  };
  return openListener(
    wish,
    openCorridor({ ...rooms, gate, defend, emit, maxBodyBytes: settings.MAX_BODY_BYTES }),
  );
}

export async function openAdmin(
  wish: HouseWish,
  told: Told,
  rooms: Rooms<Rest>,
  closers: (() => unknown)[],
): Promise<Listener> {
  const { ADMIN_HOST: host, ADMIN_PORT: port } = wish.settings;
  const door = openAdminRoom(wish, told, rooms);
  const listener = await openListener(
    { from: { host, port, setting: 'ADMIN_PORT', sharing: wish.sharing }, maxConnections: ADMIN_CONNECTIONS },
    { request: async (req, res) => door.listener(req, res) },
  );
  closers.push(() => listener.drain(0), door.close);
  return listener;
}

function openAdminRoom(
  wish: HouseWish,
  told: Told,
  { store, admit, decide, handle, mirror, rest }: Rooms<Rest>,
) {
  return openAdminDoor({
    ledger: store.ledger,
    replays: mirror.replays,
    inForce: decide,
    breakers: rest.breakers,
    texts: openTableTexts(
      { readTable: decide.readTable, editTable: decide.editTable, tableJsonSchema },
      { handlers: handle.names, flagSource: decide.flagSource },
    ),
    tableFile: wish.settings.BANYAN_CONFIG,
    flips: store.flips,
    token: wish.adminToken,
    emit: told.emit,
    subscribe: told.subscribe,
    hosts: [wish.settings.ADMIN_HOST],
    isStoreUnavailable: (error) => error instanceof StoreUnavailable,
    readiness: told.readiness,
    metrics: told.metrics,
    jwks: admit.jwks,
    keys: store.keys,
    createApiKey: (key) => createApiKey({ env: 'live', ...key }),
    listTenants: store.tenants.list,
    tenures: store.tenures,
    moves: store.moves,
    moveLook: store.moveLook,
    prepareReturn: choosePreparation(wish),
    mappingInForce: async () => (await store.follow.mapping(wish.settings.FOLLOW_SLOT ?? '')).mapping,
  });
}

/** Nothing can be moved where nothing follows legacy's rows. */
function choosePreparation({ settings, legacyDatabaseUrl }: HouseWish): (() => Promise<void>) | undefined {
  if (settings.FOLLOW_SLOT === undefined || legacyDatabaseUrl === undefined) return undefined;
  return () => prepareReturn(legacyDatabaseUrl);
}
