import type { Connection, Database } from './connection.ts';

/** A row of django-tenants' registry. */
export type Tenant = Readonly<{ id: number; name: string; schema: string; domain: string }>;

// The Django app names of django-tenants' example project: tenants_tenant, tenants_domain.
export const REGISTRY_DDL = `
CREATE TABLE IF NOT EXISTS public.tenants_tenant (
  id serial PRIMARY KEY,
  schema_name varchar(63) NOT NULL UNIQUE,
  name varchar(100) NOT NULL UNIQUE,
  created_on date NOT NULL
);
CREATE TABLE IF NOT EXISTS public.tenants_domain (
  id serial PRIMARY KEY,
  domain varchar(253) NOT NULL UNIQUE,
  is_primary boolean NOT NULL,
  tenant_id integer NOT NULL REFERENCES public.tenants_tenant (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX IF NOT EXISTS tenants_domain_tenant_id_idx ON public.tenants_domain (tenant_id);`;

const SELECT_TENANT = `
SELECT t.id, t.name, t.schema_name AS schema, coalesce(p.domain, '') AS domain
FROM public.tenants_tenant t
LEFT JOIN public.tenants_domain p ON p.tenant_id = t.id AND p.is_primary`;

/** The schema of a tenant: its name with `-` written as `_`. */
export function nameSchema(tenant: string): string {
  return tenant.replaceAll('-', '_');
}

export async function hasRegistry(db: Connection): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    `SELECT to_regclass('public.tenants_tenant') IS NOT NULL AS found`,
  );
  return row?.found === true;
}

/** Every tenant, oldest first: the order in which django-tenants migrates them. */
export function listTenants(db: Connection): Promise<Tenant[]> {
  return db.query<Tenant>(`${SELECT_TENANT} ORDER BY t.id`);
}

/** Finds tenants and remembers them: a registry row never changes its schema. */
export function openRegistry(database: Database) {
  const byName = new Map<string, Tenant>();
  const byDomain = new Map<string, Tenant>();
  return {
    findByName: (name: string) =>
      remember(byName, name, () => findOne(database, `${SELECT_TENANT} WHERE t.name = $1`, name)),
    /** As TenantMainMiddleware: the host without its port and without a leading `www.`. */
    findByHost: (host: string) => {
      const domain = host
        .toLowerCase()
        .replace(/:\d*$/, '')
        .replace(/^www\./, '');
      const sql = `${SELECT_TENANT} JOIN public.tenants_domain d ON d.tenant_id = t.id WHERE d.domain = $1`;
      return remember(byDomain, domain, () => findOne(database, sql, domain));
    },
  };
}

export type Registry = ReturnType<typeof openRegistry>;

async function findOne(database: Database, sql: string, value: string): Promise<Tenant | undefined> {
  const [tenant] = await database.inPublic((db) => db.query<Tenant>(sql, [value]));
  return tenant;
}

async function remember(
  known: Map<string, Tenant>,
  key: string,
  find: () => Promise<Tenant | undefined>,
): Promise<Tenant | undefined> {
  const before = known.get(key);
  if (before) return before;
  const found = await find();
  // Only what exists is remembered, so that nobody can fill the memory with names.
  if (found) known.set(key, found);
  return found;
}
