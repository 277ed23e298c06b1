import type { Emit, TenantId, TenantName } from '../../vocabulary/index.ts';

type Stop = Readonly<{ tenant: TenantName | undefined; detail: string }>;

/** Tells what has become of carrying rows back, each thing once. */
export class ReturnNews {
  readonly #emit: Emit;
  readonly #stops = new Map<TenantId | 'all', Stop>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  stop(whose: TenantId | 'all', tenant: TenantName | undefined, detail: string): void {
    if (this.#stops.get(whose)?.detail === detail) return;
    this.#stops.set(whose, { tenant, detail });
    this.#emit({ type: 'return_changed', state: 'stopped', tenant, detail });
  }

  goOn(whose: TenantId | 'all'): void {
    const stop = this.#stops.get(whose);
    if (stop === undefined) return;
    this.#stops.delete(whose);
    this.#emit({ type: 'return_changed', state: 'returning', tenant: stop.tenant, detail: 'It goes on.' });
  }

  troubleOf(tenant: TenantId): string | undefined {
    return (this.#stops.get(tenant) ?? this.#stops.get('all'))?.detail;
  }
}
