/** How much there is of everything that grows while a monolith is moved. */
export type Size = Readonly<{ routes: number; tenants: number; flags: number }>;

/** One thing grows, the others stay as they are in the middle; then all of them at once. */
export type Axis = 'routes' | 'tenants' | 'flags' | 'everything';

const MIDDLE: Size = { routes: 200, tenants: 400, flags: 10 };

export const AXES: Readonly<Record<Axis, readonly Size[]>> = {
  routes: [10, 200, 2_000].map((routes) => ({ ...MIDDLE, routes })),
  tenants: [4, 400, 4_000].map((tenants) => ({ ...MIDDLE, tenants })),
  flags: [1, 50].map((flags) => ({ ...MIDDLE, flags })),
  everything: [
    { routes: 10, tenants: 4, flags: 1 },
    { routes: 2_000, tenants: 4_000, flags: 50 },
  ],
};

export const TENANT_COUNTS = AXES.tenants.map(({ tenants }) => tenants);

export const nameSize = ({ routes, tenants, flags }: Size) => `${routes} ${tenants} ${flags}`;

/** Each once, although the middle is on every axis. */
export function listSizes(): readonly Size[] {
  const all = Object.values(AXES).flat();
  return [...new Map(all.map((size) => [nameSize(size), size])).values()];
}
