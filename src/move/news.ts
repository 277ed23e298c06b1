import type { StrangersWrites } from '../store/index.ts';
import type { Emit, TenantId, TenantName } from '../vocabulary/index.ts';

export type FollowingState =
  /** By another: this instance looks on, and its own turn comes when the other one goes. */
  | Readonly<{ kind: 'following'; by: 'itself' | 'another' }>
  /** `detail`: why, in a sentence with its remedy. */
  | Readonly<{ kind: 'stopped'; detail: string }>;

const TOLD_EVERY_MS = 10_000;

/** Tells what has become of following, each thing once. */
export class News {
  state: FollowingState = { kind: 'stopped', detail: 'Following is about to begin.' };
  readonly #emit: Emit;
  readonly #nameOf: (tenant: TenantId) => TenantName | undefined;
  readonly #parted = new Set<string>();
  /** By tenant and table: when it was told last, and what has come since. */
  readonly #strangers = new Map<string, { toldMs: number; rows: number }>();

  constructor(emit: Emit, nameOf: (tenant: TenantId) => TenantName | undefined) {
    this.#emit = emit;
    this.#nameOf = nameOf;
  }

  tell(state: FollowingState, detail: string): void {
    const isNews = JSON.stringify(state) !== JSON.stringify(this.state);
    this.state = state;
    if (isNews) this.#emit({ type: 'follow_changed', state: state.kind, detail });
  }

  /** At once, and then now and then: a job that writes every second is named as often as somebody reads. */
  tellStrangers(tenant: TenantId, { feature, table, rows }: StrangersWrites): void {
    const name = this.#nameOf(tenant);
    const place = `${tenant}/${table}`;
    const told = this.#strangers.get(place) ?? { toldMs: Number.NEGATIVE_INFINITY, rows: 0 };
    this.#strangers.set(place, told);
    told.rows += rows;
    if (name === undefined || performance.now() - told.toldMs < TOLD_EVERY_MS) return;
    this.#emit({ type: 'stranger_wrote', tenant: name, feature, table, rows: told.rows });
    told.toldMs = performance.now();
    told.rows = 0;
  }

  tellParted(tenant: TenantId, tables: readonly string[]): void {
    const name = this.#nameOf(tenant);
    for (const table of tables) {
      const place = `${tenant}/${table}`;
      if (name === undefined || this.#parted.has(place)) continue;
      this.#parted.add(place);
      this.#emit({ type: 'rows_parted', tenant: name, table });
    }
  }
}
