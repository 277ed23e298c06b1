// The command line: npm run legacy -- serve | seed | migrate | tenants
import { parseArgs } from 'node:util';
import { asConnection, connect } from './database/connection.ts';
import { type MigrateStep, migrate } from './database/migrate.ts';
import { hasRegistry, listTenants } from './database/registry.ts';
import { LegacyRefusal } from './refusal.ts';
import { type SeedStep, seed } from './seed/seed.ts';
import { type Legacy, serveLegacy } from './serve.ts';
import { readDatabaseUrl, readSettings } from './settings.ts';

const USAGE = `The legacy monolith of the demo.

  npm run legacy -- serve                  answer requests
  npm run legacy -- seed [--tenants N]     make the database and N demo tenants (default 4); existing ones are kept
  npm run legacy -- migrate                change every tenant's schema, one by one; stops where one fails
  npm run legacy -- tenants [--json]       list the tenants

The environment it reads (LEGACY_DATABASE_URL, LEGACY_PORT, LEGACY_FAULTS, …) is listed in docs/legacy-stub.md.`;

const WRONG_USAGE = 2;

async function run(): Promise<void> {
  const { command, tenants, json } = readCommandLine();
  const url = () => readDatabaseUrl(process.env);
  if (command === 'serve') return serve();
  obeyParent();
  if (command === 'seed') return runSeed(url(), tenants);
  if (command === 'migrate') return runMigrate(url());
  if (command === 'tenants') return printTenants(url(), json ? 'json' : 'table');
  console.log(USAGE);
  if (command !== 'help') process.exitCode = WRONG_USAGE;
}

function readCommandLine() {
  try {
    const options = {
      tenants: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    const { positionals, values } = parseArgs({ options, allowPositionals: true });
    return { command: values.help ? 'help' : positionals[0], tenants: values.tenants, json: values.json };
  } catch (error) {
    console.error((error as Error).message.split('. ')[0]);
    return { command: undefined, tenants: undefined, json: undefined };
  }
}

async function serve(): Promise<void> {
  const legacy = await serveLegacy({ ...readSettings(process.env), report: (line) => console.error(line) });
  stopWhenTold(legacy);
  console.log(`legacy listening on ${legacy.url}`);
}

/** Stops on SIGTERM, on Ctrl-C (unless a parent sees to it: BANYAN_CHILD=1), and when the parent that forked it goes away. */
function stopWhenTold(legacy: Legacy): void {
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await legacy.close();
    process.exit(0);
  };
  const isChild = process.env.BANYAN_CHILD === '1';
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => (isChild ? undefined : stop()));
  process.on('disconnect', stop);
  // Without a channel a parent's death shows as another parent.
  const parent = process.ppid;
  if (isChild && !process.connected) setInterval(() => process.ppid !== parent && stop(), 500).unref();
}

/** For commands that end by themselves: each tenant is one transaction, so they may be broken off at any time. */
function obeyParent(): void {
  if (process.env.BANYAN_CHILD !== '1') return;
  process.on('SIGINT', () => {});
  process.once('disconnect', () => process.exit(1));
  // The listener alone would keep the process waiting for its parent.
  process.channel?.unref();
}

async function runSeed(url: string, tenants: string | undefined): Promise<void> {
  const started = performance.now();
  const wish = tenants === undefined ? {} : { tenants: readCount(tenants) };
  const steps = await seed(url, { ...wish, onProgress: (step) => tellSeed(step) });
  const made = steps.filter(({ outcome }) => outcome === 'made').length;
  console.log(
    `${made} tenants made, ${steps.length - made} kept, in ${tellSeconds(performance.now() - started)}`,
  );
}

function readCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new LegacyRefusal(`--tenants takes a whole number, not "${text}".`);
}

function tellSeed({ tenant, position, of, outcome, ms }: SeedStep): void {
  // A line for each of the first few, then for every twentieth: 400 would say less.
  if (position <= 5 || position % 20 === 0 || position === of)
    console.log(
      `[${position}/${of}] ${tenant} ${outcome}${outcome === 'made' ? ` (${tellSeconds(ms)})` : ''}`,
    );
}

async function runMigrate(url: string): Promise<void> {
  const steps = await migrate(url, { onProgress: tellMigrate });
  const changed = steps.filter(({ applied }) => applied.length > 0).length;
  console.log(`${changed} schemas changed, ${steps.length - changed} were up to date`);
}

function tellMigrate({ schema, position, of, applied, ms }: MigrateStep): void {
  const what =
    applied.length > 0 ? `${applied.join(', ')} OK (${tellSeconds(ms)})` : 'no migrations to apply';
  console.log(`[${position}/${of}] ${schema}: ${what}`);
}

function tellSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

async function printTenants(url: string, form: 'json' | 'table'): Promise<void> {
  const client = await connect(url);
  const db = asConnection(client);
  try {
    const tenants = (await hasRegistry(db)) ? await listTenants(db) : [];
    if (form === 'json') return console.log(JSON.stringify(tenants, null, 2));
    for (const { id, name, schema, domain } of tenants)
      console.log(`${String(id).padStart(4)}  ${name.padEnd(16)}  ${schema.padEnd(16)}  ${domain}`);
    if (tenants.length === 0) console.log('No tenants yet: run `npm run legacy -- seed`.');
  } finally {
    await client.end();
  }
}

run().catch((error: unknown) => {
  console.error(
    error instanceof LegacyRefusal ? error.message : `The legacy stub failed: ${(error as Error).message}`,
  );
  process.exitCode = 1;
});
