import type { Emit, TenantId } from '../vocabulary/index.ts';
import { UnscopedQuery } from './errors.ts';
import type { Prisma } from './generated/client.ts';
import { findRawScopeFault, findScopeFault, leavesTheFence, type ScopeFault } from './scope-guard.ts';

/** The models that hold tenants' rows, by Prisma's names. */
export const TENANT_MODELS = [
  'authUser',
  'djangoSession',
  'aiJob',
  'chatChannel',
  'chatMessage',
  'filesFile',
  'filesChunk',
] as const;
export type TenantModel = (typeof TENANT_MODELS)[number];

/** The tables whose ids we give out. */
export type CountedTable = 'auth_user' | 'ai_job' | 'chat_channel' | 'chat_message' | 'files_file';

/** Prisma's client inside one transaction of one tenant: the models, and raw SQL as a tagged template only. */
export type TenantTransaction = Pick<Prisma.TransactionClient, TenantModel | '$queryRaw' | '$executeRaw'> &
  Readonly<{
    tenantId: TenantId;
    /** The next free id of this tenant in that table; continues legacy's. Given back if the transaction is undone. */
    nextId(table: CountedTable): Promise<number>;
  }>;

/** Refuses (tests) or counts (production) queries that do not name the tenant; another tenant's name is refused always. */
export type ScopePolicy = Readonly<{
  tenant: TenantId;
  handler: string;
  onUnscoped: 'refuse' | 'count';
  emit: Emit;
  takeId: TakeId;
}>;

export type TakeId = (table: CountedTable) => Promise<number>;

type Method = (args?: unknown, ...more: unknown[]) => unknown;

/** Wraps one Prisma transaction so that every query is looked at before it is sent. */
export function guardTransaction(raw: Prisma.TransactionClient, policy: ScopePolicy): TenantTransaction {
  const guarded: Record<string, unknown> = {
    tenantId: policy.tenant,
    nextId: policy.takeId,
    $queryRaw: guardRaw(raw.$queryRaw.bind(raw) as Method, '$queryRaw', policy),
    $executeRaw: guardRaw(raw.$executeRaw.bind(raw) as Method, '$executeRaw', policy),
  };
  for (const model of TENANT_MODELS) {
    Object.defineProperty(guarded, model, {
      get: () => guardModel(raw[model], model, policy),
      enumerable: true,
    });
  }
  return Object.freeze(guarded) as TenantTransaction;
}

function guardModel(delegate: object, model: string, policy: ScopePolicy): object {
  return new Proxy(delegate, {
    get: (target, operation) => {
      const method: unknown = Reflect.get(target, operation);
      if (typeof method !== 'function' || typeof operation !== 'string') return method;
      return (args?: unknown) => {
        judge(findScopeFault(operation, args, policy.tenant), policy, model, operation);
        return Reflect.apply(method, target, [args]);
      };
    },
  });
}

function guardRaw(run: Method, operation: string, policy: ScopePolicy): Method {
  return (query, ...values) => {
    const text = sqlText(query);
    if (leavesTheFence(text)) {
      throw new UnscopedQuery(
        `${policy.handler}: ${operation} may not change or end its own transaction. Leave that to within().`,
      );
    }
    judge(findRawScopeFault(text), policy, '$raw', operation);
    return run(query, ...values);
  };
}

function sqlText(query: unknown): string {
  if (Array.isArray(query)) return query.join('?');
  if (typeof query === 'object' && query !== null && 'strings' in query && Array.isArray(query.strings))
    return query.strings.join('?');
  throw new UnscopedQuery('Raw SQL is written as a tagged template: tx.$queryRaw`…`.');
}

function judge(fault: ScopeFault, policy: ScopePolicy, model: string, operation: string): void {
  if (fault === undefined) return;
  const { handler, emit, onUnscoped, tenant } = policy;
  if (fault === 'foreign') {
    throw new UnscopedQuery(
      `${handler}: ${model}.${operation} names another tenant than its transaction's (${tenant}).`,
    );
  }
  if (onUnscoped === 'refuse') {
    throw new UnscopedQuery(
      `${handler}: ${model}.${operation} does not name the tenant. Put tenantId (in raw SQL tenant_id) into its where or data.`,
    );
  }
  emit({ type: 'unscoped_query', handler, model, operation });
}

/** In earnest: the counter's row stays locked until the transaction ends. */
export async function takeId(
  raw: Prisma.TransactionClient,
  tenant: TenantId,
  table: CountedTable,
): Promise<number> {
  const rows = await raw.$queryRaw<{ last_id: number }[]>`
    INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id) VALUES (${tenant}, ${table}, 1)
    ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = c.last_id + 1 RETURNING last_id`;
  const id = rows[0]?.last_id;
  if (id === undefined) throw new Error(`No id was given for ${table}.`);
  return id;
}
