import type pg from 'pg';
import type { LegacyChange } from '../store/index.ts';
import { parseTenantId, parseTenantName, type TenantId, type TenantName } from '../vocabulary/index.ts';
import { describeTrouble, FollowTrouble } from './trouble.ts';

type Line = Readonly<{ id: number; name: string; schema_name: string }>;

const RETRY_MS = 1_000;
const NOBODYS = /^(public|information_schema|pg_.*)$/;

/** django-tenants' registry on legacy: whose schema is it? */
export class LegacyRegistry {
  readonly #pool: pg.Pool;
  #bySchema: ReadonlyMap<string, TenantId> = new Map();
  #names: ReadonlyMap<TenantId, TenantName> = new Map();
  /** By the tenant's number, in the order of legacy's log; undefined: taken out. */
  readonly #heard = new Map<number, Line | undefined>();
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

  /**
   * Legacy has changed it, as its log says. What the log says counts for this tenant from now on: a commit can be heard here a moment before
   * other sessions of legacy see it, so that whoever asks may still be told of another's schema.
   */
  heed(change: LegacyChange): void {
    this.#loadedMs = Number.NEGATIVE_INFINITY;
    this.#bySchema = new Map();
    if (change.change === 'truncate') return;
    const values = change.change === 'delete' ? change.old : change.row;
    const id = parseTenantId(Number(values.id));
    if (id === undefined) return;
    const { name = null, schema_name: schema = null } = change.change === 'delete' ? {} : values;
    // To the end: of two tenants with one schema the later word counts.
    this.#heard.delete(id);
    this.#heard.set(id, name === null || schema === null ? undefined : { id, name, schema_name: schema });
  }

  async #load(): Promise<void> {
    const { rows } = await this.#pool
      .query<Line>('SELECT id, name, schema_name FROM public.tenants_tenant')
      .catch((error: unknown) => {
        throw new FollowTrouble(describeTrouble(error, ''));
      });
    const asked = rows.filter(({ id }) => !this.#heard.has(id));
    const heard = [...this.#heard.values()].filter((line) => line !== undefined);
    const tenants = [...asked, ...heard].flatMap((row) => {
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
