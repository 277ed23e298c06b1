import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runBanyan } from '../support/banyan-process.ts';
import { ADMIN_TOKEN, query, type TestHouse } from '../support/house.ts';

/** Everything that the house has told, by where it stands. */
export type Harvest = ReadonlyMap<string, string>;

export type Group = Readonly<{ id: string; path: string; route: string }>;

/** The journal holds tenants' rows themselves, for some minutes, behind the same fence: it is no record of comparisons. */
const ROWS_THEMSELVES = ['banyan.row_change'];

export async function harvest(house: TestHouse): Promise<Harvest> {
  const groups = await listGroups(house);
  // One of each route says what all of them say; every sample is in the ledger's tables, too.
  const some = [...new Map(groups.map((group) => [group.route, group])).values()];
  await acceptAll(house, some);
  const texts = new Map<string, string>();
  texts.set('log', house.log.join('\n'));
  texts.set('metrics', await (await fetch(`${house.adminUrl}/metrics`)).text());
  for (const [name, text] of await readTables(house.storeUrl.superuser)) texts.set(`table ${name}`, text);
  const paths = [
    '/api/diffs?since=1h',
    '/api/diffs/audit',
    '/api/diffs/report.html?since=1h',
    '/api/diffs/export',
  ];
  for (const path of [
    ...paths,
    '/api/routes',
    '/api/flips',
    ...some.map(({ id }) => `/api/diffs/${id}?limit=5`),
  ])
    texts.set(`door ${path}`, await (await house.admin('GET', path)).text());
  for (const [name, text] of await runCommands(house, groups)) texts.set(`command ${name}`, text);
  return texts;
}

export async function listGroups(house: Pick<TestHouse, 'admin'>): Promise<readonly Group[]> {
  const answer = await house.admin('GET', '/api/diffs?since=1h');
  const { routes } = (await answer.json()) as {
    routes: readonly { route: string; groups: readonly Omit<Group, 'route'>[] }[];
  };
  return routes.flatMap(({ route, groups }) => groups.map((group) => ({ ...group, route })));
}

/** With an unlock for each group: what it lets people see. */
export async function reveal(house: TestHouse, groups: readonly Group[]): Promise<string> {
  const seen: string[] = [];
  for (const { id } of groups) {
    await house.admin('POST', `/api/diffs/${id}/unlock`, { author: 'drill', reason: 'looking for secrets' });
    seen.push(await (await house.admin('GET', `/api/diffs/${id}?reveal=true&limit=5`)).text());
  }
  return seen.join('\n');
}

async function acceptAll(house: TestHouse, groups: readonly Group[]): Promise<void> {
  const until = new Date(Date.now() + 86_400_000).toISOString();
  for (const { id } of groups)
    await house.admin('POST', `/api/diffs/${id}/triage`, {
      state: 'accepted',
      author: 'drill',
      reason: 'to be exported',
      until,
    });
}

/** Every row of Banyan's own tables as text; bytes as they are, too, in two readings. */
async function readTables(url: string): Promise<ReadonlyMap<string, string>> {
  const tables = await query<{ name: string }>(
    url,
    `SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname = 'banyan'`,
  );
  const texts = new Map<string, string>();
  for (const { name } of tables.filter((table) => !ROWS_THEMSELVES.includes(table.name))) {
    const rows = await query<{ row: string }>(url, `SELECT t::text AS row FROM ${name} t`);
    texts.set(name, rows.map(({ row }) => `${row}\n${readBytes(row)}`).join('\n'));
  }
  return texts;
}

function readBytes(row: string): string {
  const all = [...row.matchAll(/\\\\?x([0-9a-f]{8,})/g)].map(([, hex = '']) => Buffer.from(hex, 'hex'));
  return all.map((bytes) => `${bytes.toString('utf8')}\n${bytes.toString('latin1')}`).join('\n');
}

async function runCommands(house: TestHouse, groups: readonly Group[]): Promise<ReadonlyMap<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-harvest-'));
  const env = { BANYAN_ADMIN_URL: house.adminUrl, BANYAN_ADMIN_TOKEN: ADMIN_TOKEN };
  const [report, fixtures] = [join(folder, 'report.html'), join(folder, 'fixtures')];
  const commands = [
    ['diffs', '--html', report],
    ['diffs', 'show', groups[0]?.id ?? ''],
    ['diffs', 'export', '--to', fixtures],
    ['replay', 'chat.messages'],
  ];
  try {
    const ran = await Promise.all(
      commands.map(async (argv) => {
        const banyan = runBanyan(argv, env);
        await banyan.exited;
        return [argv.slice(0, 2).join(' '), `${banyan.out()}\n${banyan.err()}`] as const;
      }),
    );
    const written = readdirSync(fixtures).map((name) => readFileSync(join(fixtures, name), 'utf8'));
    return new Map([...ran, ['report', readFileSync(report, 'utf8')], ['fixtures', written.join('\n')]]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
