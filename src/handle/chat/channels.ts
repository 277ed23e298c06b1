import type { TenantTransaction } from '../../store/index.ts';
import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { type Json, time } from '../wire/json-text.ts';
import { readPathId } from '../wire/path-id.ts';
import { missingRow } from '../wire/refusal.ts';

type ChannelRow = Readonly<{
  id: number;
  name: string;
  topic: string;
  is_private: boolean;
  created_by_id: number;
  created_at: string;
  message_count: number;
}>;

export async function listChannels(exchange: Exchange): Promise<void> {
  const rows = await exchange.read(forUser(exchange, selectChannels));
  await exchange.reply.json(200, rows.map(showChannel));
}

// SQL, because Prisma cannot order by code point: a database's own collation need not be legacy's.
function selectChannels(tx: TenantTransaction): Promise<ChannelRow[]> {
  return tx.$queryRaw<ChannelRow[]>`
    SELECT c.id, c.name, c.topic, c.is_private, c.created_by_id, c.created_at::text AS created_at,
      (SELECT count(*)::int FROM chat_message m WHERE m.tenant_id = ${tx.tenantId}::int AND m.channel_id = c.id) AS message_count
    FROM chat_channel c WHERE c.tenant_id = ${tx.tenantId}::int ORDER BY c.name COLLATE "C", c.id LIMIT 1000`;
}

function showChannel(channel: ChannelRow): Json {
  return {
    id: channel.id,
    name: channel.name,
    topic: channel.topic,
    is_private: channel.is_private,
    created_by: channel.created_by_id,
    created_at: time(channel.created_at),
    message_count: channel.message_count,
  };
}

/** The channel that the path names, or a 404. */
export async function requireChannel(tx: TenantTransaction, text: string | undefined): Promise<number> {
  const where = { tenantId: tx.tenantId, id: readPathId(text) };
  const channel = await tx.chatChannel.findFirst({ where, select: { id: true } });
  if (!channel) throw missingRow();
  return channel.id;
}
