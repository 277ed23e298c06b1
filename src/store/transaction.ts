import type { Emit, TenantId } from '../vocabulary/index.ts';
import { UnscopedQuery } from './errors.ts';
import type { Prisma } from './generated/client.ts';
import { CHANGES, CREATES, READS } from './operations.ts';
import { findRawScopeFault, findScopeFault, leavesTheFence, type ScopeFault } from './scope-guard.ts';
import type { TurnClient } from './turn-client.ts';

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
type Sql = TemplateStringsArray | Prisma.Sql;

/** Looks at every query of one turn before it is sent. */
export function guardTransaction(client: TurnClient, policy: ScopePolicy): TenantTransaction {
  const guarded = {
    tenantId: policy.tenant,
    nextId: policy.takeId,
    $queryRaw: (sql: Sql, ...values: unknown[]) => {
      judgeRaw(sql, '$queryRaw', policy);
      return client.$queryRaw(sql, ...values);
    },
    $executeRaw: (sql: Sql, ...values: unknown[]) => {
      judgeRaw(sql, '$executeRaw', policy);
      return client.$executeRaw(sql, ...values);
    },
    authUser: new GuardedModel('authUser', client, policy),
    djangoSession: new GuardedModel('djangoSession', client, policy),
    aiJob: new GuardedModel('aiJob', client, policy),
    chatChannel: new GuardedModel('chatChannel', client, policy),
    chatMessage: new GuardedModel('chatMessage', client, policy),
    filesFile: new GuardedModel('filesFile', client, policy),
    filesChunk: new GuardedModel('filesChunk', client, policy),
  } satisfies Record<TenantModel, GuardedModel> & Record<string, unknown>;
  return Object.freeze(guarded) as unknown as TenantTransaction;
}

/** What may be asked of a model, by Prisma's names. Whatever else its client has leads out of the transaction. */
const OPERATIONS = [...READS, ...CREATES, ...CHANGES];

// Nobody outside has it, so nobody asks past the operations. A symbol and no private field: who looks on by a proxy asks with another `this`.
const ASK = Symbol('ask');

class GuardedModel {
  // Once for all of them, not for each transaction: 119 functions.
  static {
    for (const operation of OPERATIONS)
      Object.defineProperty(GuardedModel.prototype, operation, {
        value(this: GuardedModel, args?: unknown) {
          return this[ASK](operation, args);
        },
      });
  }

  readonly [ASK]: (operation: string, args: unknown) => Promise<unknown>;

  constructor(model: TenantModel, client: TurnClient, policy: ScopePolicy) {
    this[ASK] = (operation, args) => {
      judge(findScopeFault(operation, args, policy.tenant), policy, model, operation);
      return client.ask(model, operation, args);
    };
    Object.defineProperty(this, ASK, { enumerable: false });
  }
}

function judgeRaw(sql: Sql, operation: string, policy: ScopePolicy): void {
  const text = sqlText(sql);
  if (leavesTheFence(text)) {
    throw new UnscopedQuery(
      `${policy.handler}: ${operation} may not change or end its own transaction. Leave that to within().`,
    );
  }
  judge(findRawScopeFault(text), policy, '$raw', operation);
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
  client: Pick<TurnClient, '$queryRaw'>,
  tenant: TenantId,
  table: CountedTable,
): Promise<number> {
  const rows = await client.$queryRaw<{ last_id: number }[]>`
    INSERT INTO banyan.id_counter AS c (tenant_id, table_name, last_id) VALUES (${tenant}, ${table}, 1)
    ON CONFLICT (tenant_id, table_name) DO UPDATE SET last_id = c.last_id + 1 RETURNING last_id`;
  const id = rows[0]?.last_id;
  if (id === undefined) throw new Error(`No id was given for ${table}.`);
  return id;
}
