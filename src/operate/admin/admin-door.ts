import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import express, { type Express } from 'express';
import type { DiffLedger, Emit, FlipLog, Replays } from '../../vocabulary/index.ts';
import { openDiffDesk } from '../diffs/desk.ts';
import { openFlipDesk } from '../flip/flip-desk.ts';
import { openLeftDesk } from '../left/left-desk.ts';
import { openMoveDesk } from '../move/move-desk.ts';
import type { MoveParts } from '../move/ports.ts';
import { openTroubles, type Troubles } from '../move/troubles.ts';
import { type Breakers, type Gateway, openTableInForce, type TableTexts } from '../ports.ts';
import { listDiffEndpoints } from './diff-endpoints.ts';
import { defineEndpoint, type Endpoint } from './endpoint.ts';
import { type EventHub, openEventHub } from './event-hub.ts';
import { type EventStreams, openEventStreams } from './event-stream.ts';
import { listFlipEndpoints } from './flip-endpoints.ts';
import { listGroupEndpoints } from './group-endpoints.ts';
import { SECURITY_HEADERS } from './guard.ts';
import { type HealthParts, listHealthEndpoints } from './health-endpoints.ts';
import { type KeyParts, listKeyEndpoints } from './key-endpoints.ts';
import { tellLeft } from './left-endpoint.ts';
import { catchErrors, guardHost, mountEndpoints, sendRefusal } from './mount.ts';
import { listMoveEndpoints } from './move-endpoints.ts';
import { openApiEndpoint } from './openapi.ts';
import { refuse } from './problem.ts';
import { listRouteEndpoints } from './route-endpoints.ts';

export type AdminDoorWish = HealthParts &
  KeyParts &
  MoveParts &
  Readonly<{
    /** The gateway's decide. */
    inForce: Gateway;
    breakers: () => Breakers;
    texts: TableTexts;
    /** The route table's path. */
    tableFile: string;
    flips: FlipLog;
    /** The store's. */
    ledger: DiffLedger;
    /** Mirror's. */
    replays: Replays;
    /** What every request but health, metrics and key set must carry as `Authorization: Bearer`. */
    token: string;
    emit: Emit;
    /** Observe's: calls back for every event, and answers the way to stop it. */
    subscribe(listener: Emit): () => void;
    /** Names under which the door may be called, besides localhost and IP addresses. */
    hosts: readonly string[];
    /** Tells the store's outage from a bug. */
    isStoreUnavailable(error: unknown): boolean;
  }>;

export type AdminDoor = Readonly<{
  listener: RequestListener;
  /** Ends the event streams, so that the server can close. */
  close(): void;
}>;

const CONSOLE_FOLDER = fileURLToPath(new URL('../console', import.meta.url));

/** The operators' door: health for machines, the API for the console and the command line, the console's own files. */
export function openAdminDoor(wish: AdminDoorWish): AdminDoor {
  const hub = openEventHub();
  const leave = wish.subscribe(hub.emit);
  const streams = openEventStreams(hub);
  const troubles = openTroubles(wish.subscribe);
  const app = openApp();
  mountEndpoints(app, listEndpoints(wish, hub, streams, troubles), wish);
  app.use(
    guardHost(wish.hosts),
    express.static(CONSOLE_FOLDER, { setHeaders: setConsoleHeaders, redirect: false }),
  );
  app.use((_req, res) => sendRefusal(res, refuse('path_unknown')));
  app.use(catchErrors(wish));
  const close = () => {
    leave();
    troubles.close();
    streams.closeAll();
  };
  return Object.freeze({
    listener: (req: IncomingMessage, res: ServerResponse) => void app(req, res),
    close,
  });
}

function openApp(): Express {
  const app = express();
  app
    .disable('x-powered-by')
    .disable('etag')
    .set('query parser', 'simple')
    .set('case sensitive routing', true);
  app.use((_req, res, next) => {
    res.locals.requestId = randomUUID();
    res.set(SECURITY_HEADERS).set('X-Request-Id', res.locals.requestId);
    next();
  });
  return app;
}

/** Everything that the door answers, in one list. */
function listEndpoints(
  wish: AdminDoorWish,
  hub: EventHub,
  streams: EventStreams,
  troubles: Troubles,
): readonly Endpoint[] {
  const { texts, tableFile: file, flips, ledger, replays, emit } = wish;
  const inForce = openTableInForce(wish.inForce, wish.breakers);
  const desk = openFlipDesk({ inForce, texts, file, flips, emit });
  const diffs = openDiffDesk({ ledger, replays, inForce });
  const moves = openMoveDesk({ ...wish, inForce, flips: desk, troubleOf: troubles.of });
  const listed = [
    ...listHealthEndpoints(wish),
    ...listRouteEndpoints(inForce, desk),
    ...listFlipEndpoints(flips, desk),
    ...listDiffEndpoints(diffs),
    ...listGroupEndpoints(diffs, hub.tellDiffsChanged),
    ...listKeyEndpoints(wish),
    ...listMoveEndpoints(moves),
    tellLeft(openLeftDesk({ ...wish, inForce })),
    defineEndpoint({
      method: 'GET',
      path: '/api/events',
      summary: 'Live events (server-sent): tables, flips, flags, breakers, parts, comparisons, moves.',
      access: 'token',
      headers: {
        'Last-Event-ID': 'Optional: the last event that was seen; later ones that are still kept come first.',
      },
      answers: { 200: { means: 'A stream that does not end.', media: 'text/event-stream' } },
      answer: ({ headers }) => streams.open(headers['last-event-id']?.toString()),
    }),
  ];
  return [...listed, openApiEndpoint(listed)];
}

/** Short-lived, so that a new version's files arrive together. */
function setConsoleHeaders(res: ServerResponse): void {
  res.setHeader('Cache-Control', 'no-cache');
}
