import type { TenantTransaction } from '../../store/index.ts';
import { now } from '../clock.ts';
import type { LiveChat } from '../ports.ts';
import { text } from '../wire/fields.ts';
import { type Json, jsonb, renderJson, time } from '../wire/json-text.ts';

export type MessageRow = NonNullable<Awaited<ReturnType<TenantTransaction['chatMessage']['findFirst']>>>;

export const MESSAGE_BODY = text({ longest: 4000 });

export function showMessage(message: MessageRow): Json {
  return {
    id: message.id,
    channel: message.channelId,
    author: message.authorId,
    body: message.body,
    metadata: jsonb(message.metadata),
    created_at: time(message.createdAt),
    edited_at: message.editedAt === null ? null : time(message.editedAt),
  };
}

type Post = Readonly<{ channel: number; author: number; body: string; metadata: string }>;

export async function writeMessage(tx: TenantTransaction, post: Post): Promise<MessageRow> {
  return tx.chatMessage.create({
    data: {
      tenantId: tx.tenantId,
      id: await tx.nextId('chat_message'),
      channelId: post.channel,
      authorId: post.author,
      body: post.body,
      metadata: post.metadata,
      createdAt: now(),
    },
  });
}

/** After the commit: nobody may hear of a message that was undone. */
export function tellMessage(
  live: LiveChat,
  tenant: Parameters<LiveChat['publish']>[0],
  message: MessageRow,
): void {
  live.publish(tenant, message.channelId, renderJson({ type: 'message', message: showMessage(message) }));
}
