import { randomUUID } from 'node:crypto';
import { openAdmit, parseTagKeys } from '../../src/admit/index.ts';
import type { Arrival } from '../../src/vocabulary/index.ts';
import { listIdentity } from '../support/identity.ts';
import { type Sent, send } from '../support/send.ts';
import { makeCaller } from '../support/sides.ts';

/** Asks legacy past the gateway, with the identity that the gateway would have sent along. */
export type Direct = Readonly<{
  get(tenant: string, target: string): Promise<Sent>;
  close(): void;
}>;

/** `host`: the port that users call, since legacy writes it into its links. */
export function openDirect(tagKeys: string, legacyPort: number, gatewayPort: number): Direct {
  const admit = openAdmit({
    tagKeys: parseTagKeys(tagKeys),
    emit: () => undefined,
    demoKeys: 'refused',
    isTenant: () => true,
  });
  return {
    get: (tenant, target) => {
      const host = `${tenant}.localhost:${gatewayPort}`;
      const arrival = describeArrival(target, host);
      const caller = makeCaller({ tenant, user: 1, by: 'api_key' });
      const lines = listIdentity(admit.identity(arrival, caller, 'legacy'));
      const headers: Record<string, string> = { host };
      for (let i = 0; i + 1 < lines.length; i += 2) headers[lines[i] ?? ''] = lines[i + 1] ?? '';
      return send(legacyPort, { path: target, headers });
    },
    close: () => admit.close(),
  };
}

function describeArrival(target: string, host: string): Arrival {
  return {
    requestId: randomUUID() as Arrival['requestId'],
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: '00', state: undefined },
    method: 'GET',
    target,
    path: target.split('?', 1)[0] ?? '/',
    host,
    hostTenant: undefined,
    headers: [],
    credentials: [],
    wish: undefined,
    upgrade: false,
    peer: '127.0.0.1',
  };
}
