import type { Emit, TenantName } from '../../vocabulary/index.ts';

/** Why rows of single tenants cannot be carried back to legacy, as far as the mover of this instance has told. */
export type Troubles = Readonly<{
  of(tenant: TenantName): string | undefined;
  close(): void;
}>;

export function openTroubles(subscribe: (listener: Emit) => () => void): Troubles {
  const told = new Map<TenantName, string>();
  const close = subscribe((event) => {
    // Where nothing at all is carried back nothing is lost: it only waits.
    if (event.type !== 'return_changed' || event.tenant === undefined) return;
    if (event.state === 'stopped') told.set(event.tenant, event.detail);
    else told.delete(event.tenant);
  });
  return Object.freeze({ of: (tenant: TenantName) => told.get(tenant), close });
}
