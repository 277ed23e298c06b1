import pg from 'pg';
import { type FilledStore, openFilledStore } from '../../bench/new-side/filled-store.ts';
import {
  type Change,
  changePartitions,
  changeSchemas,
  countLocks,
  type Locks,
  measureWal,
  takeBack,
} from '../../bench/story/schema-change.ts';
import { askNumber, listLegacyTenants, withClient } from '../../bench/story/sessions.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { median, percentile, showMs } from './figures.ts';

const TENANTS = 400;
const ROUNDS = 3;
const ASKERS = 4;
/** What the command that migrates one schema may need before it does anything: a framework that starts, and looks at its history. Assumed, not measured. */
const RUNNER_S = 20;
const LEAST_RATIO = 2;
const BYTES_PER_MB = 1024 ** 2;
const S_PER_HOUR = 3_600;

/** Of one design: rounds of the same change, and how long people who wrote meanwhile had to wait, in ms. */
type Seen = Readonly<{ changes: readonly Change[]; waitsMs: readonly number[] }>;

export const drill: Drill = {
  story: `${TENANTS} tenants get a new column with a default, and an index, while people write: schema by schema, by legacy's own command, and in one pass over the partitioned tables with the same rows. ${ROUNDS} times each, in turn, each taken back.
Expected: one pass takes less than 1/${LEAST_RATIO} of the time, and less of the log. What a real runner adds for each schema is assumed (${RUNNER_S} s; the second argument says otherwise), and the line says so.`,
  async run(say, argv) {
    const tenants = Number(argv[0] ?? TENANTS);
    const runnerS = Number(argv[1] ?? RUNNER_S);
    const store = await openFilledStore(tenants);
    try {
      const rows = await countRows(store);
      const locks = await countLocks(store);
      const [schemas, partitions] = await compare(store, say);
      return [
        tell('tenants, rows of the table that is changed', `${tenants}, ${rows}`),
        ...judge(schemas, partitions, locks),
        ...extrapolate(schemas, partitions, { tenants, runnerS }),
      ];
    } finally {
      await store.close();
    }
  },
};

const countRows = ({ superUrl }: FilledStore) =>
  withClient(superUrl, (client) => askNumber(client, 'SELECT count(*) FROM ai_job'));

async function compare(store: FilledStore, say: (line: string) => void): Promise<readonly [Seen, Seen]> {
  const [one, whole]: [Seen[], Seen[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    one.push(await measure(store, () => changeSchemas(store), openSchemaWriters));
    whole.push(await measure(store, () => changePartitions(store), openPartitionWriters));
    await takeBack(store);
    say(`${showMs(lastMs(one))} schema by schema, ${showMs(lastMs(whole))} in one pass`);
  }
  return [join(one), join(whole)];
}

const lastMs = (seen: readonly Seen[]) => seen.at(-1)?.changes[0]?.ms ?? Number.NaN;
const join = (all: readonly Seen[]): Seen => ({
  changes: all.flatMap(({ changes }) => changes),
  waitsMs: all.flatMap(({ waitsMs }) => waitsMs),
});

type Write = (client: pg.ClientBase) => Promise<unknown>;
type OpenWriters = (store: FilledStore) => Promise<Readonly<{ url: string; write: Write }>>;

async function measure(
  store: FilledStore,
  change: () => Promise<Omit<Change, 'walBytes'>>,
  open: OpenWriters,
): Promise<Seen> {
  const people = await openPeople(await open(store));
  // The people's own writes are in the log, too: they are few.
  const done = await measureWal(store, change).finally(people.stop);
  return { changes: [done], waitsMs: await people.waits };
}

/** Some who write all the time, each to a tenant of his own choice. */
async function openPeople({ url, write }: Awaited<ReturnType<OpenWriters>>) {
  const pool = new pg.Pool({ connectionString: url, max: ASKERS });
  let isOver = false;
  const waitsMs: number[] = [];
  const writeOn = async () => {
    const client = await pool.connect();
    while (!isOver) {
      const beganMs = performance.now();
      await write(client);
      waitsMs.push(performance.now() - beganMs);
    }
    client.release();
  };
  const over = Promise.all(Array.from({ length: ASKERS }, writeOn)).finally(() => pool.end());
  return {
    stop: () => {
      isOver = true;
    },
    waits: over.then(() => waitsMs),
  };
}

const UPDATE = 'SET prompt = prompt WHERE id = 1';

const openSchemaWriters: OpenWriters = async ({ legacyUrl }) => {
  const tenants = await withClient(legacyUrl, listLegacyTenants);
  return {
    url: legacyUrl,
    write: (client) => client.query(`UPDATE ${pick(tenants).schema}.ai_job ${UPDATE}`),
  };
};

const openPartitionWriters: OpenWriters = async ({ appUrl, legacyUrl }) => {
  const tenants = await withClient(legacyUrl, listLegacyTenants);
  return {
    url: appUrl,
    write: (client) => {
      const { id } = pick(tenants);
      return client.query(
        `BEGIN; SELECT set_config('banyan.tenant_id', '${id}', true); UPDATE ai_job ${UPDATE} AND tenant_id = ${id}; COMMIT`,
      );
    },
  };
};

function pick<One>(all: readonly One[]): One {
  return all[Math.floor(Math.random() * all.length)] as One;
}

const timeOf = ({ changes }: Seen) => median(changes.map(({ ms }) => ms));
const walOf = ({ changes }: Seen) => median(changes.map(({ walBytes }) => walBytes)) / BYTES_PER_MB;

function judge(schemas: Seen, partitions: Seen, locks: Locks): readonly Line[] {
  const ratio = timeOf(schemas) / timeOf(partitions);
  const showWaits = ({ waitsMs }: Seen) =>
    `${showMs(Math.max(...waitsMs))} (99 of 100 within ${showMs(percentile(waitsMs, 0.99))}, ${waitsMs.length} writes)`;
  return [
    tell('schema by schema, nothing but SQL', showMs(timeOf(schemas))),
    tell('in one pass', showMs(timeOf(partitions))),
    hold('ratio', `≥ ${LEAST_RATIO}`, `${ratio.toFixed(1)} ×`, ratio >= LEAST_RATIO),
    hold(
      'write-ahead log: schema by schema, in one pass',
      'less in one pass',
      `${walOf(schemas).toFixed(1)} MB, ${walOf(partitions).toFixed(1)} MB`,
      walOf(partitions) < walOf(schemas),
    ),
    tell(
      'locks at once: schema by schema, in one pass',
      `${locks.one} for each of them, ${locks.whole} once`,
    ),
    tell('the longest that somebody who wrote waited: schema by schema', showWaits(schemas)),
    tell('the same, in one pass', showWaits(partitions)),
  ];
}

function extrapolate(
  schemas: Seen,
  partitions: Seen,
  { tenants, runnerS }: Readonly<{ tenants: number; runnerS: number }>,
): readonly Line[] {
  const oneByOneS = tenants * runnerS + timeOf(schemas) / 1_000;
  const onePassS = runnerS + timeOf(partitions) / 1_000;
  return [
    tell(
      `extrapolated, with a runner that needs ${runnerS} s for each schema (assumed)`,
      `${showSpan(oneByOneS)} → ${showSpan(onePassS)}`,
    ),
    tell(
      'a runner with which schema by schema lasts an hour needs, for each',
      `${((S_PER_HOUR - timeOf(schemas) / 1_000) / tenants).toFixed(1)} s`,
    ),
  ];
}

function showSpan(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
