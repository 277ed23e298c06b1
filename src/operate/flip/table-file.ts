import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The file could not be read or written; the message says why, for a person. */
export class TableFileTrouble extends Error {
  override readonly name = 'TableFileTrouble';
}

export async function readTableFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new TableFileTrouble(`${file} cannot be read: ${describeTrouble(error)}.`);
  }
}

/**
 * Replaces the file at once or not at all: whoever reads it sees the old text or the new one, also after a power cut.
 * Mode and owner stay as they were. A symbolic link stays a link; what it points to is replaced.
 */
export async function writeTableFile(file: string, text: string): Promise<void> {
  const real = await realpath(file).catch(() => file);
  const temporary = join(dirname(real), `.${basename(real)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeDurably(temporary, text, real);
    await rename(temporary, real);
    await syncFolder(dirname(real));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new TableFileTrouble(`${file} cannot be written: ${describeTrouble(error)}.`);
  }
}

async function writeDurably(temporary: string, text: string, like: string): Promise<void> {
  const { mode, uid, gid } = await stat(like);
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text, 'utf8');
    await keepOwner(handle, uid, gid);
    await handle.chmod(mode & 0o7777);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function keepOwner(handle: FileHandle, uid: number, gid: number): Promise<void> {
  const own = await handle.stat();
  if (own.uid === uid && own.gid === gid) return;
  await handle.chown(uid, gid);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const TROUBLES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this process has no right to do so',
  EPERM: 'this process has no right to do so',
  EROFS: 'the file system is read-only; change the table where it comes from',
  ENOSPC: 'the disk is full',
  EISDIR: 'it is a folder',
  EBUSY: 'it is mounted as a single file, which cannot be replaced; mount its folder instead',
};

function describeTrouble(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return TROUBLES[code] ?? (code || 'an unexpected fault');
}
