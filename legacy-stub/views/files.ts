import type { Connection } from '../database/connection.ts';
import { type Answer, json, list, noContent, notFound } from '../web/answers.ts';
import { readId } from '../web/body.ts';
import { type Json, renderJson, renderTime } from '../web/json.ts';
import type { Ask, View } from '../web/view.ts';
import { answerContent } from './file-content.ts';
import { receiveFile } from './file-upload.ts';

export type FileRow = Readonly<{
  id: number;
  owner_id: number;
  name: string;
  content_type: string;
  size: number;
  sha256: string;
  created_at: string;
}>;

export const FILE_COLUMNS = 'id, owner_id, name, content_type, size, sha256, created_at';

function showFile(row: FileRow): Json {
  const { id, owner_id: owner, name, content_type, size, sha256, created_at } = row;
  return { id, owner, name, content_type, size, sha256, created_at: renderTime(created_at) };
}

export const files: View = {
  name: 'File List',
  takes: 'users',
  parses: 'multipart/form-data',
  methods: {
    GET: (ask) =>
      ask.within(async (db) => {
        const rows = await db.query<FileRow>(`SELECT ${FILE_COLUMNS} FROM files_file ORDER BY id LIMIT 1000`);
        return list(rows.map((row) => renderJson(showFile(row))));
      }),
    POST: async (ask) => {
      const owner = await ask.within(async (_db, user) => user?.id ?? 0);
      return json(201, showFile(await receiveFile(ask, owner)));
    },
  },
};

async function getFile(ask: Ask, db: Connection): Promise<FileRow> {
  const id = readId(ask.params.id) ?? null;
  const [row] = await db.query<FileRow>(`SELECT ${FILE_COLUMNS} FROM files_file WHERE id = $1`, [id]);
  if (!row) throw notFound();
  return row;
}

export const file: View = {
  name: 'File',
  takes: 'users',
  parses: 'application/json',
  methods: {
    DELETE: (ask) =>
      ask.within(async (db): Promise<Answer> => {
        const { id } = await getFile(ask, db);
        await db.query('DELETE FROM files_file WHERE id = $1', [id]);
        return noContent();
      }),
  },
};

export const content: View = {
  name: 'File Content',
  takes: 'users',
  parses: 'application/json',
  methods: { GET: async (ask) => answerContent(ask, await ask.within((db) => getFile(ask, db))) },
};
