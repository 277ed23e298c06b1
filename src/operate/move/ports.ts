import type {
  Mapping,
  MoveBook,
  MoveLook,
  TenantId,
  TenantName,
  TenureBook,
} from '../../vocabulary/index.ts';
import type { FlipDesk } from '../flip/flip-desk.ts';
import type { TableInForce } from '../ports.ts';

/** What the doors are handed for moves. */
export type MoveParts = Readonly<{
  tenures: Pick<TenureBook, 'news' | 'instances'>;
  moves: Pick<MoveBook, 'begin' | 'change' | 'limit' | 'order' | 'queue' | 'withdraw' | 'findOrder'>;
  moveLook: MoveLook;
  /** Makes on legacy what carrying rows back needs. Throws one clear sentence. Undefined where nothing follows legacy's rows. */
  prepareReturn: (() => Promise<void>) | undefined;
  /** By which names rows follow legacy's, and go back. Undefined where nothing follows legacy's rows. */
  mappingInForce?: (() => Promise<Mapping>) | undefined;
  /** How long an answer waits for others; default 10 s. */
  patienceMs?: number | undefined;
}>;

export type Tenant = Readonly<{ id: TenantId; name: TenantName }>;

export type MoveRooms = MoveParts &
  Readonly<{
    inForce: TableInForce;
    flips: FlipDesk;
    listTenants(): Promise<readonly Tenant[]>;
    /** Why a tenant's rows cannot be carried back, where they cannot. */
    troubleOf(tenant: TenantName): string | undefined;
  }>;
