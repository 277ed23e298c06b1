import type { OutboxLine } from './outbox.ts';

export type OutboxRow = Readonly<{
  number: string;
  table_name: string;
  change: OutboxLine['change'];
  key: string;
  image: string | null;
  rekeyed: boolean;
  at: string;
}>;

// Not "id": ORDER BY would take the text for it. Keys are compared by PostgreSQL, as texts: a number read by JavaScript may be another one's neighbour.
export const SELECT_LINES = `
  SELECT id::text AS number, table_name, change, key::text AS key, image::text AS image, at::text AS at,
    CASE WHEN change = 'update' THEN
      EXISTS (SELECT FROM json_each_text(key) k WHERE image ->> k.key IS DISTINCT FROM k.value) ELSE false END AS rekeyed
  FROM banyan.outbox`;

export function readLine({ number, table_name, change, key, image, rekeyed, at }: OutboxRow): OutboxLine {
  return {
    id: BigInt(number),
    table: table_name,
    change,
    key,
    image: image ?? undefined,
    isRekeyed: rekeyed,
    at,
  };
}
