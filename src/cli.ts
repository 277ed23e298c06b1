// What the `banyan` command does, put together from the rooms: serve, demo, migrate, and the pure parts of decide.
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import {
  checkJwtRules,
  createTagKeysText,
  parseTagKeys,
  readStaticKey,
  readTrustedProxies,
} from './admit/index.ts';
import {
  type Explanation,
  editTable,
  openDecide,
  printMistake,
  type Question,
  readTable,
  type Table,
  tableJsonSchema,
} from './decide/index.ts';
import { openHandle, openLocalEngine } from './handle/index.ts';
import { type House, openHouse, readJwtRules } from './main.ts';
import { describeDrift, prepareFollow, readDrift } from './move/index.ts';
import { createLineSink } from './observe/index.ts';
import {
  CommandRefusal,
  type DemoOptions,
  type DemoParts,
  type DriftMore,
  type ExitCode,
  type FollowHeard,
  type FollowLimits,
  openTableTexts,
  runCommandLine,
  startDemo,
  type TenantParts,
  type Terminal,
} from './operate/index.ts';
import { readSettings, type Settings } from './settings.ts';
import {
  checkArchive,
  copyTenants,
  countTenant,
  deleteTenant,
  exportTenant,
  listTenants,
  measureTenants,
  migrateStore,
  prepareDatabase,
  restoreTenant,
} from './store/index.ts';
import { joinMappings, type Mapping } from './vocabulary/index.ts';

/** Runs `banyan <argv>`; answers the exit code. What a person may have caused becomes one sentence, never a stack trace. */
export function runCli(argv: readonly string[]): Promise<ExitCode> {
  const terminal = openTerminal();
  return runCommandLine(argv, terminal, {
    serve: ({ sharing }) => serve(sharing),
    demo: (options) => demo(options, terminal),
    migrate: async () => migrateStore(need(loadSettings(['DATABASE_OWNER_URL']).DATABASE_OWNER_URL)),
    follow,
    drift: { read: readSchemaDrift, describe: describeDrift },
    tenants: openTenantParts(),
    texts: openTableTexts(
      { readTable, editTable, tableJsonSchema },
      { handlers: listHandlers(), flagSource: 'file' },
    ),
    explainFile,
    version: readVersion(),
  });
}

async function follow(limits: FollowLimits, heard: FollowHeard): ReturnType<typeof prepareFollow> {
  const settings = loadSettings(['DATABASE_OWNER_URL', 'LEGACY_DATABASE_URL', 'FOLLOW_SLOT']);
  const stopping = new AbortController();
  // Once: a second signal ends the process at once.
  const stop = () => stopping.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const { atOnce, ...pace } = limits;
  try {
    return await inOneSentence(
      prepareFollow({
        legacyUrl: need(settings.LEGACY_DATABASE_URL),
        ownerUrl: need(settings.DATABASE_OWNER_URL),
        slot: need(settings.FOLLOW_SLOT),
        mapping: loadMapping(settings),
        limits: pace,
        signal: stopping.signal,
        ...(atOnce && { atOnce }),
        ...heard,
      }),
    );
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  }
}

/** By which names the route table says that rows come from legacy. */
function loadMapping({ BANYAN_CONFIG, UNLEASH_URL }: Settings): Mapping {
  const flagSource = UNLEASH_URL === undefined ? 'file' : 'unleash';
  const read = readTableFile(BANYAN_CONFIG, flagSource);
  return 'rows' in read ? joinMappings(read.features) : refuseSettings(read);
}

function openTenantParts(): TenantParts {
  const ownerUrl = () => need(loadSettings(['DATABASE_OWNER_URL']).DATABASE_OWNER_URL);
  return {
    list: () => inOneSentence(listTenants(ownerUrl())),
    count: (tenant) => inOneSentence(countTenant(ownerUrl(), tenant)),
    bytes: () => inOneSentence(measureTenants(ownerUrl())),
    export: (tenant, heard) => eachInOneSentence(exportTenant({ ownerUrl: ownerUrl(), tenant, ...heard })),
    check: (archive) => inOneSentence(checkArchive(archive)),
    restore: (source, wish) => inOneSentence(restoreTenant({ ownerUrl: ownerUrl(), source, ...wish })),
    delete: (tenant, wish) => inOneSentence(deleteTenant({ ownerUrl: ownerUrl(), tenant, ...wish })),
  };
}

function readSchemaDrift(
  features: Readonly<Record<string, readonly string[]>>,
  more: DriftMore,
): ReturnType<typeof readDrift> {
  const settings = loadSettings(['DATABASE_URL', 'LEGACY_DATABASE_URL']);
  const [legacyUrl, storeUrl] = [need(settings.LEGACY_DATABASE_URL), need(settings.DATABASE_URL)];
  return inOneSentence(readDrift({ legacyUrl, storeUrl, features, ...more }));
}

/** The new side's handlers, for tables that are read while no gateway runs. */
function listHandlers(): readonly string[] {
  const scope = () => {
    throw new Error('no handler runs here');
  };
  return openHandle({ store: { scope }, ai: openLocalEngine(), emit: () => undefined }).names;
}

async function explainFile(file: string, question: Question): Promise<Explanation> {
  const decide = await openDecide({ file, handlers: listHandlers(), emit: () => undefined });
  try {
    return decide.explain(question);
  } finally {
    await decide.close();
  }
}

async function serve(sharing: 'alone' | 'beside'): Promise<ExitCode> {
  outliveLogReader();
  const settings = loadGatewaySettings([
    'DATABASE_URL',
    'LEGACY_URL',
    'BANYAN_ADMIN_TOKEN',
    'TAG_SIGNING_KEYS',
  ]);
  const house = await inOneSentence(
    openHouse({
      settings: { ...settings, WORKERS: settings.WORKERS ?? availableParallelism() },
      sharing,
      databaseUrl: need(settings.DATABASE_URL),
      legacyUrl: need(settings.LEGACY_URL),
      legacyDatabaseUrl: settings.LEGACY_DATABASE_URL,
      adminToken: need(settings.BANYAN_ADMIN_TOKEN),
      tagKeys: need(settings.TAG_SIGNING_KEYS),
      demoKeys: 'refused',
      sink: createLineSink(process.stdout),
    }),
  );
  return runUntilSignal(house.confess, (signal, graceMs) => house.close(signal, graceMs));
}

/** A short command ends where nobody reads what it prints; a gateway goes on, and counts the lines that are lost. */
function outliveLogReader(): void {
  process.stdout.removeAllListeners('error');
  process.stdout.on('error', () => undefined);
}

async function demo(options: DemoOptions, terminal: Terminal): Promise<ExitCode> {
  const settings = loadGatewaySettings([]);
  const say = (line: string) => terminal.out(`${line}\n`);
  const running = await inOneSentence(
    startDemo(
      {
        isFresh: options.fresh,
        tenants: options.tenants ?? 4,
        dataDir: settings.BANYAN_DATA_DIR,
        tableFile: settings.BANYAN_CONFIG,
        ports: {
          gateway: settings.PORT,
          admin: settings.ADMIN_PORT,
          legacy: settings.LEGACY_PORT,
          postgres: settings.EMBEDDED_PG_PORT,
        },
        databaseUrl: settings.DATABASE_URL,
        legacyUrl: settings.LEGACY_URL,
        legacyDatabaseUrl: settings.LEGACY_DATABASE_URL,
        followSlot: settings.FOLLOW_SLOT ?? 'banyan',
        adminToken: settings.BANYAN_ADMIN_TOKEN,
        say,
      },
      {
        prepareDatabase,
        migrateStore,
        copyTenants: (wish) => copyTenants({ ...wish, mapping: loadMapping(settings) }),
        prepareFollow: (wish) => prepareFollow({ ...wish, mapping: loadMapping(settings) }),
        createTagKeys: createTagKeysText,
        open: (parts) => openDemoHouse(settings, parts),
      },
    ),
  );
  return runUntilSignal(running.confess, async (signal) => {
    say(`\nStopping (${signal}) …`);
    await running.close(signal);
  });
}

function openDemoHouse(settings: Settings, { follow, mirrorKey, ...parts }: DemoParts): Promise<House> {
  const logFile = join(settings.BANYAN_DATA_DIR, 'log', 'gateway.log');
  // The stub signs its sessions with this, too.
  const LEGACY_SECRET_KEY = settings.LEGACY_SECRET_KEY ?? 'django-insecure-demo-of-the-banyan-legacy-stub';
  return openHouse({
    settings: {
      ...settings,
      WORKERS: settings.WORKERS ?? 1,
      LEGACY_SECRET_KEY,
      FOLLOW_SLOT: follow?.slot ?? settings.FOLLOW_SLOT,
      MIRROR_KEY: settings.MIRROR_KEY ?? Buffer.from(mirrorKey, 'base64url'),
    },
    ...parts,
    legacyDatabaseUrl: follow?.legacyDatabaseUrl ?? settings.LEGACY_DATABASE_URL,
    tagKeys: settings.TAG_SIGNING_KEYS ?? parts.tagKeys,
    demoKeys: settings.DATABASE_URL === undefined ? 'accepted' : 'refused',
    sink: createLineSink(createWriteStream(logFile, { flags: 'a' })),
    logFile,
  });
}

/** Requests in flight get so long when the process must end because of a bug. */
const LAST_GRACE_MS = 5_000;

/**
 * Ends with the first SIGINT or SIGTERM, after everything is closed; a second one ends the process at once. After an error that nobody
 * caught nothing can be trusted any more: it is told, what is in flight ends, and the exit code is 1.
 */
function runUntilSignal(
  confess: (error: unknown) => void,
  close: (signal: string, graceMs?: number) => Promise<unknown>,
): Promise<ExitCode> {
  return new Promise((resolve, reject) => {
    let isStopping = false;
    const stop = (signal: string, exitCode: ExitCode, graceMs?: number) => {
      if (isStopping) return;
      isStopping = true;
      process.on('SIGINT', () => process.exit(130));
      process.on('SIGTERM', () => process.exit(143));
      close(signal, graceMs).then(() => resolve(exitCode), reject);
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop(signal, 0));
    process.on('uncaughtException', (error) => {
      confess(error);
      stop('bug', 1, LAST_GRACE_MS);
    });
  });
}

type Required = Parameters<typeof readSettings>[1];

function loadSettings(required: Required): Settings {
  const result = readSettings(process.env, required);
  return result.kind === 'settings' ? result.settings : refuseSettings(result.mistakes);
}

function loadGatewaySettings(required: Required): Settings {
  const settings = loadSettings(required);
  const mistakes = findNonsense(settings);
  return mistakes.length === 0 ? settings : refuseSettings(mistakes);
}

function refuseSettings(mistakes: readonly string[]): never {
  throw new CommandRefusal(mistakes.join('\n'), { error: 'settings_refused', mistakes });
}

/** What only the rooms can judge, asked before anything is started: keys, networks, the table. */
function findNonsense(settings: Settings): readonly string[] {
  const { TAG_SIGNING_KEYS, TRUSTED_PROXIES, BANYAN_CONFIG, UNLEASH_URL } = settings;
  const rules = readJwtRules(settings);
  const flagSource = UNLEASH_URL === undefined ? 'file' : 'unleash';
  return [
    ...judge('TAG_SIGNING_KEYS', () => TAG_SIGNING_KEYS && parseTagKeys(TAG_SIGNING_KEYS)),
    ...judge('TRUSTED_PROXIES', () => readTrustedProxies(TRUSTED_PROXIES)),
    ...judge('JWT_*', () => rules && checkJwtRules(rules)),
    ...judge('JWT_PUBLIC_KEY', () => rules && rules.trust.kind !== 'jwks' && readStaticKey(rules.trust)),
    ...judgeTable(BANYAN_CONFIG, flagSource),
  ];
}

function judge(name: string, work: () => unknown): readonly string[] {
  try {
    work();
    return [];
  } catch (error) {
    return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function judgeTable(file: string, flagSource: 'file' | 'unleash'): readonly string[] {
  const read = readTableFile(file, flagSource);
  return 'rows' in read ? [] : read;
}

/** The table, or its mistakes. */
function readTableFile(file: string, flagSource: 'file' | 'unleash'): Table | readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [`BANYAN_CONFIG: ${file} cannot be read. Name a route table.`];
  }
  const read = readTable(text, { handlers: listHandlers(), flagSource });
  return read.kind === 'table' ? read.table : read.mistakes.map((mistake) => printMistake(file, mistake));
}

async function inOneSentence<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw new CommandRefusal(error instanceof Error ? error.message : String(error));
  });
}

async function* eachInOneSentence<T>(pieces: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  try {
    yield* pieces;
  } catch (error) {
    throw new CommandRefusal(error instanceof Error ? error.message : String(error));
  }
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a required setting is missing');
  return value;
}

function openTerminal(): Terminal {
  return {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    screen: process.stdout.isTTY ? { columns: process.stdout.columns } : undefined,
    env: process.env,
    userName: readUserName(),
    readFile: (path) => readFile(path, 'utf8'),
    writeFile: async (path, text) => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    },
    listFiles: (folder) => readdir(folder).catch(() => []),
    ask: isatty(0) ? askPerson : undefined,
    streams: {
      get input() {
        return process.stdin;
      },
      get output() {
        // Half an archive is none: that its reader has gone is told, and is no success.
        outliveLogReader();
        return process.stdout;
      },
    },
  };
}

async function askPerson(question: string): Promise<string> {
  const dialogue = createInterface({ input: process.stdin, output: process.stderr });
  return dialogue.question(question).finally(() => dialogue.close());
}

function readUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
