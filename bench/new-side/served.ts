// `banyan serve` on a filled store, with everything that the demo lists at stage new.
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join, resolve } from 'node:path';
import { createTagKeysText } from '../../src/admit/index.ts';
import { freePort } from '../../tests/support/free-port.ts';
import { tableAt } from '../../tests/support/house.ts';
import type { Rig } from '../part.ts';
import { type Server, startServer } from '../processes.ts';
import type { FilledStore } from './filled-store.ts';

const ADMIN_TOKEN = 'admin-token-of-the-bench';

export type Served = Server &
  Readonly<{
    /** An API key of the tenant's first user. */
    makeKey(tenant: string): Promise<string>;
    /** The sum of all series of a metric whose labels hold this text. */
    readMetric(name: string, label: string): Promise<number>;
  }>;

export async function serveNewSide({ cores }: Rig, { appUrl, folder }: FilledStore): Promise<Served> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const tableFile = join(folder, 'routes.config.yaml');
  writeFileSync(tableFile, tableAt('new'));
  const server = await startServer({
    command: [process.execPath, resolve('bin/banyan.mjs'), 'serve'],
    cores: cores.proxy,
    port,
    logFile: join(folder, 'served.jsonl'),
    env: {
      NODE_ENV: 'production',
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      DATABASE_URL: appUrl,
      // Nobody is there: nothing of this is asked of legacy.
      LEGACY_URL: `http://127.0.0.1:${await freePort()}`,
      BANYAN_ADMIN_TOKEN: ADMIN_TOKEN,
      BANYAN_CONFIG: tableFile,
      TAG_SIGNING_KEYS: createTagKeysText(),
      WORKERS: '1',
      // One tenant makes all of the load, so that every answer has a known length.
      TENANT_MAX_IN_FLIGHT: '1000',
      FEATURE_MAX_IN_FLIGHT: '1000',
      // A core of its own is to be used up.
      SHED_LAG_MS: '60000',
    },
  });
  const admin = (method: 'GET' | 'POST', path: string, body?: object) =>
    fetch(`http://127.0.0.1:${adminPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    ...server,
    makeKey: async (tenant) => {
      const answer = await admin('POST', '/api/keys', { tenant, user: 1, label: 'bench' });
      return ((await answer.json()) as { key: string }).key;
    },
    readMetric: async (name, label) => {
      const text = await (await admin('GET', '/metrics')).text();
      const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
}

/** How long the body is that this key gets there; the host is the load generator's, since answers name it. */
export function findBodyBytes(port: number, path: string, key: string): Promise<number> {
  const headers = { host: 'app.example.com', authorization: `Bearer ${key}` };
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path, headers }, (res) => {
      let bytes = 0;
      res.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      res.on('error', reject);
      res.on('end', () =>
        res.statusCode === 200 ? resolve(bytes) : reject(new Error(`${path}: ${res.statusCode}`)),
      );
    });
    req.on('error', reject).end();
  });
}
