import type { Emit, TenantId, TenantName } from '../vocabulary/index.ts';

export type FollowingState =
  /** By another: this instance looks on, and its own turn comes when the other one goes. */
  | Readonly<{ kind: 'following'; by: 'itself' | 'another' }>
  /** `detail`: why, in a sentence with its remedy. */
  | Readonly<{ kind: 'stopped'; detail: string }>;

/** Tells what has become of following, each thing once. */
export class News {
  state: FollowingState = { kind: 'stopped', detail: 'Following is about to begin.' };
  readonly #emit: Emit;
  readonly #nameOf: (tenant: TenantId) => TenantName | undefined;
  readonly #parted = new Set<string>();

  constructor(emit: Emit, nameOf: (tenant: TenantId) => TenantName | undefined) {
    this.#emit = emit;
    this.#nameOf = nameOf;
  }

  tell(state: FollowingState, detail: string): void {
    const isNews = JSON.stringify(state) !== JSON.stringify(this.state);
    this.state = state;
    if (isNews) this.#emit({ type: 'follow_changed', state: state.kind, detail });
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
