import type { User } from '../accounts/users.ts';
import type { Connection } from '../database/connection.ts';
import { json, list, notFound } from '../web/answers.ts';
import { readId, readJson } from '../web/body.ts';
import { answerPage } from '../web/cursor.ts';
import { dictionary, readFields, text } from '../web/fields.ts';
import { compactJsonb, type Json, renderJson, renderTime } from '../web/json.ts';
import type { Ask, View } from '../web/view.ts';

type ChannelRow = Readonly<{
  id: number;
  name: string;
  topic: string;
  is_private: boolean;
  created_by_id: number;
  created_at: string;
  message_count: number;
}>;

export type MessageRow = Readonly<{
  id: number;
  channel_id: number;
  author_id: number;
  body: string;
  metadata: string;
  created_at: string;
  edited_at: string | null;
}>;

const MESSAGE_COLUMNS = 'id, channel_id, author_id, body, metadata, created_at, edited_at';
export const MESSAGE_BODY = text({ max: 4000 });

function showChannel({ created_by_id: created_by, created_at, message_count, ...row }: ChannelRow): Json {
  const { id, name, topic, is_private } = row;
  return { id, name, topic, is_private, created_by, created_at: renderTime(created_at), message_count };
}

export function showMessage(row: MessageRow): Json {
  return {
    id: row.id,
    channel: row.channel_id,
    author: row.author_id,
    body: row.body,
    metadata: compactJsonb(row.metadata),
    created_at: renderTime(row.created_at),
    edited_at: row.edited_at === null ? null : renderTime(row.edited_at),
  };
}

export const channels: View = {
  name: 'Channel List',
  takes: 'users',
  parses: 'application/json',
  methods: {
    GET: (ask) =>
      ask.within(async (db) => {
        // COLLATE "C": by code point, so that both sides agree whatever their databases were created with.
        const rows = await db.query<ChannelRow>(
          `SELECT c.id, c.name, c.topic, c.is_private, c.created_by_id, c.created_at,
             (SELECT count(*) FROM chat_message m WHERE m.channel_id = c.id) AS message_count
           FROM chat_channel c ORDER BY c.name COLLATE "C", c.id LIMIT 1000`,
        );
        return list(rows.map((row) => renderJson(showChannel(row))));
      }),
  },
};

export async function findChannel(db: Connection, text: string | undefined): Promise<number | undefined> {
  const [channel] = await db.query<{ id: number }>('SELECT id FROM chat_channel WHERE id = $1', [
    readId(text) ?? null,
  ]);
  return channel?.id;
}

async function getChannel(ask: Ask, db: Connection): Promise<number> {
  const channel = await findChannel(db, ask.params.id);
  if (channel === undefined) throw notFound();
  return channel;
}

export const messages: View = {
  name: 'Message List',
  takes: 'users',
  parses: 'application/json',
  methods: {
    GET: (ask) =>
      ask.within(async (db) => {
        const channel = await getChannel(ask, db);
        const source = {
          db,
          columns: MESSAGE_COLUMNS,
          table: 'chat_message',
          where: 'channel_id = $1',
          values: [channel],
        };
        return answerPage<MessageRow>(ask.request, { ...source, show: showMessage });
      }),
    POST: (ask) =>
      ask.within(async (db, user) => {
        const channel = await getChannel(ask, db);
        const given = readFields(readJson(ask), { body: MESSAGE_BODY, metadata: dictionary() });
        const post = { ask, channel, body: given.body, metadata: renderJson(given.metadata) };
        return json(201, showMessage(await postMessage(db, user, post)));
      }),
  },
};

type Post = Readonly<{ ask: Pick<Ask, 'house' | 'tenant'>; channel: number; body: string; metadata: string }>;

/** Writes a message and tells it to everybody in the channel. */
export async function postMessage(db: Connection, user: User | undefined, post: Post): Promise<MessageRow> {
  const [row] = await db.query<MessageRow>(
    `INSERT INTO chat_message (channel_id, author_id, body, metadata, created_at)
     VALUES ($1, $2, $3, $4::jsonb, now()) RETURNING ${MESSAGE_COLUMNS}`,
    [post.channel, user?.id, post.body, post.metadata],
  );
  if (!row) throw new Error('the message was not written');
  const { house, tenant } = post.ask;
  house.hub.tell(tenant.schema, post.channel, renderJson({ type: 'message', message: showMessage(row) }));
  return row;
}
