import type { TenantTransaction } from '../../store/index.ts';
import { type Json, time } from '../wire/json-text.ts';
import { readPathId } from '../wire/path-id.ts';
import { missingRow } from '../wire/refusal.ts';

export type FileRow = NonNullable<Awaited<ReturnType<TenantTransaction['filesFile']['findFirst']>>>;

/** Every chunk of a file but its last has this size. */
export const CHUNK_BYTES = 256 * 1024;

/**
 * An upload under way has a row, because chunks need one to belong to, but its size is -1 until the last byte has come. Whoever reads
 * files asks for published ones only; whoever moves rows leaves the others behind.
 */
export const UNPUBLISHED_SIZE = -1;
export const PUBLISHED = { size: { gte: 0 } } as const;

export function showFile(file: FileRow): Json {
  return {
    id: file.id,
    owner: file.ownerId,
    name: file.name,
    content_type: file.contentType,
    size: file.size,
    sha256: file.sha256,
    created_at: time(file.createdAt),
  };
}

/** The file that the path names, or a 404. */
export async function requireFile(tx: TenantTransaction, text: string | undefined): Promise<FileRow> {
  const file = await tx.filesFile.findFirst({
    where: { tenantId: tx.tenantId, id: readPathId(text), ...PUBLISHED },
  });
  if (!file) throw missingRow();
  return file;
}
