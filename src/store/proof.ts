import pg from 'pg';
import type { TenantId } from '../vocabulary/index.ts';
import { nameTrouble } from './database-errors.ts';
import { ProofReading } from './proof-reading.ts';

/** What proves that a tenant's rows are those of legacy. */
export type ProofStore = Readonly<{
  /** A moment of one tenant's rows, inside its fence. Close it; throws StoreUnavailable. */
  read(tenant: TenantId, signal: AbortSignal): Promise<ProofReading>;
  close(): Promise<void>;
}>;

const CONNECT_TIMEOUT_MS = 5_000;
/** Hand-overs side by side, the look in the background, and what ends a statement. */
const POOL_SIZE = 10;

/** Connections of its own, as the app role: what is read here takes long, and no request may wait for it. */
export function openProofStore(url: string): ProofStore {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 10_000,
    keepAlive: true,
    application_name: 'banyan proof',
  });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return {
    read: (tenant, signal) =>
      ProofReading.open({ pool, place: { schema: 'public', tenant }, signal, nameTrouble }),
    close: () => pool.end(),
  };
}
