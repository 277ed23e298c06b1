import type { RawData, WebSocket } from 'ws';
import { findUser, type User } from '../accounts/users.ts';
import type { Tenant } from '../database/registry.ts';
import { AnswerInstead } from '../web/answers.ts';
import { readFields } from '../web/fields.ts';
import { isObject, type Json, parseJson, renderJson } from '../web/json.ts';
import type { House } from '../web/view.ts';
import { findChannel, MESSAGE_BODY, postMessage } from './chat.ts';

export type SocketVisit = Readonly<{
  house: House;
  tenant: Tenant;
  /** The user's number as the tag says it. */
  user: number | undefined;
  /** The channel as the path says it. */
  channel: string;
}>;

/** Answers one socket from its handshake to its end, frame after frame in the order in which they came. */
export function serveSocket(visit: SocketVisit, socket: WebSocket): void {
  let room: Promise<Room | undefined> = enter(visit, socket);
  socket.on('message', (data, isBinary) => {
    // One frame at a time: a sender that is faster than the database waits.
    socket.pause();
    room = room.then(async (open) => {
      if (open) await answerFrame(open, socket, isBinary ? undefined : data).catch(() => socket.close(1011));
      if (socket.readyState === socket.OPEN) socket.resume();
      return open;
    });
  });
  socket.on('error', () => socket.terminate());
  room.catch(() => socket.close(1011));
}

type Room = Readonly<{ visit: SocketVisit; user: User; channel: number }>;

function tell(socket: WebSocket, frame: Json): void {
  if (socket.readyState === socket.OPEN) socket.send(renderJson(frame));
}

async function enter(visit: SocketVisit, socket: WebSocket): Promise<Room | undefined> {
  const { house, tenant } = visit;
  const found = await house.lane.run(() =>
    house.database.inSchema(tenant.schema, async (db) => ({
      user: await findUser(db, visit.user),
      channel: await findChannel(db, visit.channel),
    })),
  );
  if (!found.user || found.channel === undefined) {
    socket.close(found.user ? 4404 : 4403);
    return undefined;
  }
  house.hub.join(tenant.schema, found.channel, socket);
  tell(socket, { type: 'welcome', channel: found.channel, user: found.user.id });
  return { visit, user: found.user, channel: found.channel };
}

async function answerFrame(
  { visit, user, channel }: Room,
  socket: WebSocket,
  data: RawData | undefined,
): Promise<void> {
  const { house, tenant } = visit;
  const frame = data && readFrame(data);
  if (!isObject(frame)) return tell(socket, { type: 'error', detail: 'Expected a JSON object.' });
  if (frame.type !== 'message') return tell(socket, { type: 'error', detail: 'Unknown type.' });
  const body = readMessageBody(frame);
  if ('complaint' in body) return tell(socket, { type: 'error', detail: body.complaint });
  const post = { ask: { house, tenant }, channel, body: body.text, metadata: '{}' };
  await house.lane.run(() => house.database.inSchema(tenant.schema, (db) => postMessage(db, user, post)));
}

function readFrame(data: RawData): Json | undefined {
  try {
    return parseJson(data as Buffer);
  } catch {
    return undefined;
  }
}

function readMessageBody(frame: Json): { text: string } | { complaint: string } {
  try {
    return { text: readFields(frame, { body: MESSAGE_BODY }).body };
  } catch (error) {
    if (!(error instanceof AnswerInstead) || error.answer.body.kind !== 'json') throw error;
    const { body } = error.answer.body.value as { body: readonly string[] };
    return { complaint: `body: ${body[0]}` };
  }
}
