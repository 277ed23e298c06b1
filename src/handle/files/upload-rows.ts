import { createHash } from 'node:crypto';
import type { TenantTransaction } from '../../store/index.ts';
import { fail } from '../../vocabulary/index.ts';
import { now } from '../clock.ts';
import type { Exchange } from '../exchange.ts';
import { FailureThrown } from '../failure-thrown.ts';
import { refuseField } from '../wire/refusal.ts';
import { cutIntoChunks } from './chunks.ts';
import { CHUNK_BYTES, type FileRow, UNPUBLISHED_SIZE } from './file.ts';
import type { Part } from './multipart.ts';

/** What a process that died left behind is swept up by the tenant's next large upload after this time. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;

/**
 * One file on its way into rows: each full chunk in a short transaction of its own, the last one together with the publication.
 * Never more than one chunk is held, and no transaction is open while the sender is waited for.
 */
export class Upload {
  readonly #exchange: Exchange;
  readonly #owner: number;
  readonly #largest: number;
  readonly #hash = createHash('sha256');
  #part: Pick<Part, 'name' | 'type'> = { name: '', type: '' };
  #held: Buffer | undefined;
  #size = 0;
  #seq = 0;
  #id: number | undefined;
  #published = false;

  constructor(exchange: Exchange, owner: number, largest: number) {
    this.#exchange = exchange;
    this.#owner = owner;
    this.#largest = largest;
  }

  /** Writes all chunks but the last, which waits for `publish`. */
  async take({ bytes, name, type }: Part): Promise<void> {
    this.#part = { name, type };
    for await (const chunk of cutIntoChunks(bytes, CHUNK_BYTES)) {
      const before = this.#held;
      if (before) await this.#exchange.write((tx) => this.#addChunk(tx, before));
      if (before) this.#seq += 1;
      this.#held = chunk;
      this.#size += chunk.length;
      this.#hash.update(chunk);
      if (this.#size > this.#largest) throw new FailureThrown(fail('body_too_large'));
    }
  }

  async publish(): Promise<FileRow> {
    const last = this.#held;
    if (!last) throw refuseField('file', 'The submitted file is empty.');
    const sha256 = this.#hash.digest('hex');
    const file = await this.#exchange.write(async (tx) => {
      const id = await this.#addChunk(tx, last);
      const data = { size: this.#size, sha256, createdAt: now() };
      return tx.filesFile.update({ where: { tenantId_id: { tenantId: tx.tenantId, id } }, data });
    });
    this.#published = true;
    return file;
  }

  /** Takes everything back, unless it was published. */
  async discard(): Promise<void> {
    const id = this.#id;
    if (id === undefined || this.#published) return;
    const size = UNPUBLISHED_SIZE;
    await this.#exchange.tidyUp((tx) =>
      tx.filesFile.deleteMany({ where: { tenantId: tx.tenantId, id, size } }),
    );
  }

  async #addChunk(tx: TenantTransaction, data: Buffer): Promise<number> {
    const { tenantId } = tx;
    // The first chunk begins the row. Remembered only here, not before: a transaction that is repeated takes its id again.
    const fileId = this.#seq === 0 ? await this.#begin(tx) : (this.#id ?? 0);
    await tx.filesChunk.create({ data: { tenantId, fileId, seq: this.#seq, data: new Uint8Array(data) } });
    this.#id = fileId;
    return fileId;
  }

  async #begin(tx: TenantTransaction): Promise<number> {
    const { tenantId } = tx;
    const size = UNPUBLISHED_SIZE;
    const createdAt = { lt: new Date(Date.now() - LEFTOVER_MS).toISOString() };
    await tx.filesFile.deleteMany({ where: { tenantId, size, createdAt } });
    const id = await tx.nextId('files_file');
    const { name, type: contentType } = this.#part;
    const row = { tenantId, id, ownerId: this.#owner, name, contentType, size, sha256: '', createdAt: now() };
    await tx.filesFile.create({ data: row });
    return id;
  }
}
