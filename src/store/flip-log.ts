import type pg from 'pg';
import type { FlipLog, FlipRecord, Revision } from '../vocabulary/index.ts';
import { ask } from './ask.ts';

type Row = {
  id: string;
  at: Date;
  author: string;
  reason: string;
  subject: string;
  change: string;
  before: string;
  after: string;
  undoes: string | null;
};
type TextRow = Row & { before_text: string; after_text: string };

const COLUMNS = 'id, at, author, reason, subject, change, before, after, undoes';
const STANDING = `
  SELECT ${COLUMNS}, before_text, after_text FROM banyan.flip AS f
  WHERE undoes IS NULL AND NOT EXISTS (SELECT 1 FROM banyan.flip AS u WHERE u.undoes = f.id)
  ORDER BY id DESC LIMIT 1`;

/** The audit log in `banyan.flip`: lines are added and read, never changed. */
export function openFlipLog(pool: pg.Pool): FlipLog {
  return {
    add: async (flip) => {
      const rows = await ask<Row>(
        pool,
        `INSERT INTO banyan.flip (author, reason, subject, change, before, after, undoes, before_text, after_text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${COLUMNS}`,
        [
          flip.author,
          flip.reason,
          flip.subject,
          flip.change,
          flip.before,
          flip.after,
          flip.undoes,
          flip.beforeText,
          flip.afterText,
        ],
      );
      return readFlip(onlyRow(rows));
    },
    list: async (limit) =>
      (await ask<Row>(pool, `SELECT ${COLUMNS} FROM banyan.flip ORDER BY id DESC LIMIT $1`, [limit])).map(
        readFlip,
      ),
    lastStanding: async () => {
      const [row] = await ask<TextRow>(pool, STANDING);
      return (
        row && Object.freeze({ ...readFlip(row), beforeText: row.before_text, afterText: row.after_text })
      );
    },
  };
}

function readFlip(row: Row): FlipRecord {
  return Object.freeze({
    id: Number(row.id),
    at: row.at,
    author: row.author,
    reason: row.reason,
    subject: row.subject,
    change: row.change,
    before: row.before as Revision,
    after: row.after as Revision,
    undoes: row.undoes === null ? undefined : Number(row.undoes),
  });
}

function onlyRow<Row>(rows: readonly Row[]): Row {
  const row = rows[0];
  if (!row) throw new Error('The audit log did not answer with the line that it took.');
  return row;
}
