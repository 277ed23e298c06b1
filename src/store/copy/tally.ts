import type { Copied, CopyFailure, CopyProgress } from './copy-wish.ts';

type Expected = { readonly bytes: number; copied: number; rows: number };

/** Who is done, who failed, and how much of it all has arrived. */
export class Tally {
  readonly #onProgress: ((progress: CopyProgress) => void) | undefined;
  readonly #expected = new Map<string, Expected>();
  readonly #now = new Set<string>();
  readonly #failures: CopyFailure[] = [];
  #done = 0;
  #rows = 0;
  #bytesAll = 0;
  #bytesDone = 0;

  constructor(onProgress: ((progress: CopyProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  expect(tenant: string, bytes: number): void {
    this.#expected.set(tenant, { bytes, copied: 0, rows: 0 });
    this.#bytesAll += bytes;
  }

  begin(tenant: string): void {
    this.#now.add(tenant);
    this.#tell(undefined);
  }

  /** Text is not as long as what it takes up on a disk: a tenant is not done before it is. */
  add(tenant: string, rows: number, bytes: number): void {
    const one = this.#expected.get(tenant);
    if (one === undefined) return;
    const more = Math.min(bytes, one.bytes - one.copied);
    one.copied += more;
    one.rows += rows;
    this.#bytesDone += more;
    this.#rows += rows;
    this.#tell(undefined);
  }

  end(tenant: string, rows: number): void {
    this.#done += 1;
    this.#rows += rows;
    const { rows: before = 0 } = this.#expected.get(tenant) ?? {};
    this.#close(tenant);
    this.#tell({ tenant, rows: before + rows });
  }

  fail(tenant: string, detail: string): void {
    this.#close(tenant);
    const failure = { tenant, detail };
    this.#failures.push(failure);
    this.#tell(failure);
  }

  /** For now; somebody comes back to it. */
  leave(tenant: string): void {
    this.#now.delete(tenant);
  }

  copied(ended: Copied['ended']): Copied {
    return { tenants: this.#done, rows: this.#rows, failed: [...this.#failures], ended };
  }

  #close(tenant: string): void {
    const one = this.#expected.get(tenant);
    if (one) this.#bytesDone += one.bytes - one.copied;
    this.#now.delete(tenant);
  }

  #tell(ended: CopyProgress['ended']): void {
    this.#onProgress?.({
      tenants: { done: this.#done, failed: this.#failures.length, all: this.#expected.size },
      rows: this.#rows,
      bytes: { done: this.#bytesDone, all: this.#bytesAll },
      now: [...this.#now],
      failures: [...this.#failures],
      ended,
    });
  }
}
