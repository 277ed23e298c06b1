import { readFileSync } from 'node:fs';
import type pg from 'pg';
import type { FilledStore } from '../new-side/filled-store.ts';
import type { Rig, Row } from '../part.ts';
import { median, ratioOf } from '../spread.ts';
import { askAll, askNumber, type LegacyTenant, listLegacyTenants, withClient } from './sessions.ts';

/** The product's tables, and the key of a row in each. */
const KEYS: Readonly<Record<string, string>> = {
  auth_user: 'id = 1',
  django_session: "session_key = 'none'",
  ai_job: 'id = 1',
  chat_channel: 'id = 1',
  chat_message: 'id = 1',
  files_file: 'id = 1',
  files_chunk: 'file_id = 1 AND seq = 0',
};
/** What is planned for the figures: a point query. */
const PLANNED = 'ai_job';
const MOST_ROUNDS = { short: 2, full: 5 } as const;
const BYTES_PER_MB = 1024 ** 2;
const CONTEXTS = 'SELECT sum(total_bytes)::float8 FROM pg_backend_memory_contexts';

/** Planning times in µs, at the first query of a tenant and at a later one, over all tenants; bytes of one backend after all of them. */
type Seen = Readonly<{ firstUs: number; laterUs: number; contextBytes: number; rssBytes: number }>;

/** One statement of one tenant, as that design asks it. */
type Design = Readonly<{
  url: string;
  write(tenant: LegacyTenant, statements: readonly string[]): string;
  where(tenant: LegacyTenant, key: string): string;
}>;

/** What one backend needs to plan a query by its key, and what it keeps, when it has served every tenant. */
export async function measurePlanning(
  rig: Rig,
  store: FilledStore,
  tenants: number,
): Promise<readonly Row[]> {
  // Only superusers and this role may look at their own backend's memory.
  await withClient(store.superUrl, (client) => client.query('GRANT pg_read_all_stats TO banyan_app'));
  const all = await withClient(store.legacyUrl, listLegacyTenants);
  const [schemas, partitions]: [Seen[], Seen[]] = [[], []];
  for (let round = 0; round < Math.min(rig.rounds, MOST_ROUNDS[rig.mode]); round += 1) {
    schemas.push(await serveAll(openSchemas(store), all));
    partitions.push(await serveAll(openPartitions(store), all));
    rig.say(`one backend: ${tell(schemas.at(-1))} with schemas, ${tell(partitions.at(-1))} with partitions`);
  }
  return describe(schemas, partitions, tenants);
}

const openSchemas = ({ legacyUrl }: FilledStore): Design => ({
  url: legacyUrl,
  write: ({ schema }, statements) => [`SET search_path TO ${schema}`, ...statements].join('; '),
  where: (_tenant, key) => key,
});

const openPartitions = ({ appUrl }: FilledStore): Design => ({
  url: appUrl,
  write: ({ id }, statements) =>
    ['BEGIN', `SELECT set_config('banyan.tenant_id', '${id}', true)`, ...statements, 'COMMIT'].join('; '),
  where: ({ id }, key) => `tenant_id = ${id} AND ${key}`,
});

function serveAll(design: Design, tenants: readonly LegacyTenant[]): Promise<Seen> {
  return withClient(design.url, async (client) => {
    const backend = await askNumber(client, 'SELECT pg_backend_pid()');
    const first = await planForAll(client, design, tenants);
    for (const tenant of tenants) await client.query(design.write(tenant, listReads(design, tenant)));
    const later = await planForAll(client, design, tenants);
    return {
      firstUs: median(first),
      laterUs: median(later),
      contextBytes: await askNumber(client, CONTEXTS),
      rssBytes: readOwnBytes(backend),
    };
  });
}

async function planForAll(
  client: pg.Client,
  design: Design,
  tenants: readonly LegacyTenant[],
): Promise<readonly number[]> {
  const times: number[] = [];
  for (const tenant of tenants) {
    const query = `EXPLAIN (SUMMARY, FORMAT JSON) ${writeRead(design, tenant, PLANNED)}`;
    const answers = await askAll(client, design.write(tenant, [query]));
    const plan = answers
      .flatMap(({ rows }) => rows as Record<string, unknown>[])
      .find((row) => 'QUERY PLAN' in row);
    const told = plan?.['QUERY PLAN'] as readonly { 'Planning Time': number }[] | undefined;
    times.push((told?.[0]?.['Planning Time'] ?? Number.NaN) * 1_000);
  }
  return times;
}

const listReads = (design: Design, tenant: LegacyTenant) =>
  Object.keys(KEYS).map((table) => writeRead(design, tenant, table));

const writeRead = (design: Design, tenant: LegacyTenant, table: string) =>
  `SELECT * FROM ${table} WHERE ${design.where(tenant, KEYS[table] ?? '')}`;

/** What is the process's own: not the memory that all backends share. */
function readOwnBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

const tell = (seen: Seen | undefined) =>
  seen &&
  `${seen.firstUs.toFixed(0)} µs, later ${seen.laterUs.toFixed(0)} µs, ${showMb(seen.contextBytes)} (${showMb(seen.rssBytes)} resident)`;
const showMb = (bytes: number) => `${(bytes / BYTES_PER_MB).toFixed(1)} MB`;
const showUs = (us: number) => `${us.toFixed(0)} µs`;

function describe(schemas: readonly Seen[], partitions: readonly Seen[], tenants: number): readonly Row[] {
  const compare = (what: string, figure: (seen: Seen) => number, show: (figure: number) => string): Row => {
    const [old, ours] = [schemas.map(figure), partitions.map(figure)];
    return {
      what: `${what}, schemas ÷ partitions`,
      seen: ratioOf(old, ours),
      unit: '×',
      note: `${show(median(old))} ÷ ${show(median(ours))}`,
    };
  };
  return [
    compare('planning a query by its key, the first one of a tenant', ({ firstUs }) => firstUs, showUs),
    compare('planning it again, when all tenants have been there', ({ laterUs }) => laterUs, showUs),
    compare(
      `memory of a backend that has served ${tenants} tenants`,
      ({ contextBytes }) => contextBytes,
      showMb,
    ),
    compare('the same as the kernel sees it', ({ rssBytes }) => rssBytes, showMb),
  ];
}
