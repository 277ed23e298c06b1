import type { RawData, WebSocket } from 'ws';
import type { TenantTransaction } from '../../store/index.ts';
import { readFields } from '../wire/fields.ts';
import { parseBytes } from '../wire/json-body.ts';
import { type Json, renderJson } from '../wire/json-text.ts';
import type { JsonValue } from '../wire/python-json.ts';
import { Refusal } from '../wire/refusal.ts';
import { requireChannel } from './channels.ts';
import type { LiveRooms } from './live-rooms.ts';
import { MESSAGE_BODY, tellMessage, writeMessage } from './message.ts';
import type { SocketVisit } from './socket-door.ts';

const FORBIDDEN = 4403;
const UNKNOWN_CHANNEL = 4404;
const INTERNAL_ERROR = 1011;

type Member = Readonly<{ channel: number; author: number }>;

/** One socket from its handshake to its end: frame after frame, in the order in which they came. */
export function serveSocket(visit: SocketVisit, rooms: LiveRooms, socket: WebSocket): void {
  let turn: Promise<Member | undefined> = enter(visit, rooms, socket);
  turn.catch((error: unknown) => fail(visit, socket, error));
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => {
    // A sender that is faster than the database waits.
    socket.pause();
    turn = turn.then(async (member) => {
      if (member) await answerFrame(visit, member, socket, isBinary ? undefined : data);
      socket.resume();
      return member;
    });
    turn.catch((error: unknown) => fail(visit, socket, error));
  });
}

async function enter(visit: SocketVisit, rooms: LiveRooms, socket: WebSocket): Promise<Member | undefined> {
  const { request, scope } = visit;
  const found = await scope.within(async (tx) => {
    const author = await findUser(tx, visit);
    return author === undefined ? FORBIDDEN : { author, channel: await findChannel(tx, visit) };
  });
  if (found === FORBIDDEN || found.channel === undefined) {
    socket.close(found === FORBIDDEN ? FORBIDDEN : UNKNOWN_CHANNEL);
    return undefined;
  }
  const member = { author: found.author, channel: found.channel };
  if (!request.rehearsal) rooms.join(scope.tenant, member.channel, socket);
  tell(socket, { type: 'welcome', channel: member.channel, user: member.author });
  return member;
}

async function findUser(tx: TenantTransaction, { request }: SocketVisit): Promise<number | undefined> {
  if (request.caller.kind === 'anonymous') return undefined;
  const where = { tenantId: tx.tenantId, id: request.caller.user as number, isActive: true };
  return (await tx.authUser.findFirst({ where, select: { id: true } }))?.id;
}

async function findChannel(tx: TenantTransaction, { request }: SocketVisit): Promise<number | undefined> {
  try {
    return await requireChannel(tx, request.decision.params.channel);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

async function answerFrame(
  visit: SocketVisit,
  { channel, author }: Member,
  socket: WebSocket,
  data: RawData | undefined,
): Promise<void> {
  const frame = data && parseBytes(data as Buffer);
  const body = readBody(frame);
  if (typeof body !== 'string') return tell(socket, { type: 'error', detail: body.complaint });
  const message = await visit.scope.within((tx) =>
    writeMessage(tx, { channel, author, body, metadata: '{}' }),
  );
  tellMessage(visit.effects.live, visit.scope.tenant, message);
}

function readBody(frame: JsonValue | Refusal | undefined): string | Readonly<{ complaint: string }> {
  if (!frame || frame instanceof Refusal || frame.type !== 'dict')
    return { complaint: 'Expected a JSON object.' };
  const type = frame.entries.get('type');
  if (type?.type !== 'str' || type.value !== 'message') return { complaint: 'Unknown type.' };
  const given = readFields(frame, { body: MESSAGE_BODY });
  if (!(given instanceof Refusal)) return given.body;
  const { body = [] } = JSON.parse(given.body.text) as { body?: readonly string[] };
  return { complaint: `body: ${body[0]}` };
}

function tell(socket: WebSocket, frame: Json): void {
  if (socket.readyState === socket.OPEN) socket.send(renderJson(frame));
}

function fail({ request, emit }: SocketVisit, socket: WebSocket, error: unknown): void {
  const { arrival, decision } = request;
  const name = error instanceof Error ? error.name : typeof error;
  emit({
    type: 'handler_failed',
    requestId: arrival.requestId,
    routeId: decision.route,
    error: `chat/socket: ${name}`,
  });
  socket.close(INTERNAL_ERROR);
}
