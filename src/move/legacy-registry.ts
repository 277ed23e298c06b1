import type pg from 'pg';
import { parseTenantId, parseTenantName, type TenantId, type TenantName } from '../vocabulary/index.ts';
import { describeTrouble, FollowTrouble } from './trouble.ts';

const RETRY_MS = 1_000;
const NOBODYS = /^(public|information_schema|pg_.*)$/;

/** django-tenants' registry on legacy: whose schema is it? */
export class LegacyRegistry {
  readonly #pool: pg.Pool;
  #bySchema: ReadonlyMap<string, TenantId> = new Map();
  #names: ReadonlyMap<TenantId, TenantName> = new Map();
  #loadedMs = Number.NEGATIVE_INFINITY;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Undefined for schemas that are no tenant's. Looks again for a new one. */
  async find(schema: string): Promise<TenantId | undefined> {
    const known = this.#bySchema.get(schema);
    if (known !== undefined || NOBODYS.test(schema)) return known;
    if (performance.now() - this.#loadedMs > RETRY_MS) await this.#load();
    return this.#bySchema.get(schema);
  }

  /** Of a tenant that was found. */
  nameOf(tenant: TenantId): TenantName | undefined {
    return this.#names.get(tenant);
  }

  /** Legacy has changed it: the next unknown schema is looked up at once. */
  expire(): void {
    this.#loadedMs = Number.NEGATIVE_INFINITY;
    this.#bySchema = new Map();
  }

  async #load(): Promise<void> {
    const { rows } = await this.#pool
      .query<{ id: number; name: string; schema_name: string }>(
        'SELECT id, name, schema_name FROM public.tenants_tenant',
      )
      .catch((error: unknown) => {
        throw new FollowTrouble(describeTrouble(error, ''));
      });
    const tenants = rows.flatMap((row) => {
      const [id, name] = [parseTenantId(row.id), parseTenantName(row.name)];
      return id === undefined || name === undefined ? [] : [{ id, name, schema: row.schema_name }];
    });
    this.#bySchema = new Map(tenants.map(({ schema, id }) => [schema, id]));
    this.#names = new Map(tenants.map(({ id, name }) => [id, name]));
    this.#loadedMs = performance.now();
  }
}

/** The registry's own table. */
export const REGISTRY = { schema: 'public', table: 'tenants_tenant' } as const;
