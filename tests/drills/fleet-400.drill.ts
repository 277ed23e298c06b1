import { randomBytes } from 'node:crypto';
import { nameTenants } from '../../legacy-stub/index.ts';
import { forgetFollow, prepareFollow } from '../../src/move/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import type { FeatureName } from '../../src/vocabulary/index.ts';
import { until } from '../support/house.ts';
import { createStoreDatabase } from '../support/store.ts';
import { copyBarely } from './bare-copy.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { percentile, showMs } from './figures.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, takeIn } from './tables.ts';

const TENANTS = 400;
const MOVED: Readonly<Record<string, readonly string[]>> = {
  login: ['auth_user', 'django_session'],
  ai: ['ai_job'],
  chat: ['chat_channel', 'chat_message'],
  files: ['files_file', 'files_chunk'],
};
const AIMED_SHARE = 0.5;
const PATIENCE_MS = 15 * 60_000;
const LOOK_MS = 5_000;

const tableFor = (manner: 'legacy' | 'new') =>
  makeTable((table) => {
    for (const feature of Object.keys(MOVED)) {
      takeIn(table, feature, []);
      const flag = table.flags?.[table.features[feature]?.flag ?? ''];
      if (flag) flag.percent = manner === 'new' ? 100 : 0;
    }
  });

export const drill: Drill = {
  story: `A fleet of ${TENANTS} tenants, each with a schema of its own and about 200 rows: all tables are copied so that they follow, then every feature with tables is flipped for everybody, and the mover hands all of it over, each tenant and
feature verified before and while its writes are held. Expected: all of it comes about by itself. Told beside it: the rows a second of the copy, which goes through partitions, fences and foreign keys, and of a bare COPY into plain tables; the aim is ${AIMED_SHARE} ×.`,
  run: (say, argv) => {
    const tenants = nameTenants(Number(argv[0] ?? TENANTS));
    return onStack(
      { table: tableFor('legacy'), tenants, env: { WORKERS: '2' }, follow: 'followed' },
      (stack) => run(stack, tenants.length, say),
    );
  },
};

async function run(stack: Stack, tenants: number, say: (line: string) => void): Promise<readonly Line[]> {
  const copy = await measureCopy(stack, say);
  const store = await openStore({ url: stack.storeUrl.app, emit: () => undefined, onUnscoped: 'refuse' });
  try {
    for (const [feature, tables] of Object.entries(MOVED))
      await store.moves.begin(feature as FeatureName, tables);
    const beganMs = performance.now();
    stack.writeTable(tableFor('new'));
    await untilAllOwned(store, tenants, say);
    return [...judgeCopy(copy), ...(await judgeMove(store, tenants, performance.now() - beganMs))];
  } finally {
    await store.close();
  }
}

type Copy = Readonly<{ rows: number; ms: number; bareMs: number }>;

/** Once more into a store of its own, and barely, with nothing else going on. */
async function measureCopy({ legacyUrl }: Stack, say: (line: string) => void): Promise<Copy> {
  const [target, bare] = [await createStoreDatabase(), await createStoreDatabase()];
  const slot = `fleet_${randomBytes(6).toString('hex')}`;
  try {
    const bareMs = await copyBarely(legacyUrl, bare.superUrl);
    const beganMs = performance.now();
    const { rows } = await prepareFollow({ legacyUrl, ownerUrl: target.ownerUrl, slot });
    const ms = performance.now() - beganMs;
    say(`copied ${rows} rows in ${showMs(ms)}, barely in ${showMs(bareMs)}`);
    return { rows, ms, bareMs };
  } finally {
    await forgetFollow({ legacyUrl, slot });
    await Promise.all([target.drop(), bare.drop()]);
  }
}

async function untilAllOwned(store: Store, tenants: number, say: (line: string) => void): Promise<void> {
  const all = tenants * Object.keys(MOVED).length;
  let toldMs = performance.now();
  await until(
    async () => {
      const { changed } = await store.tenures.news(0);
      const owned = changed.filter(({ owner, step }) => owner === 'new' && step === 'settled').length;
      if (performance.now() - toldMs > LOOK_MS) {
        say(`${owned} of ${all} handed over`);
        toldMs = performance.now();
      }
      return owned === all;
    },
    'everything to be handed over',
    PATIENCE_MS,
  );
}

function judgeCopy({ rows, ms, bareMs }: Copy): readonly Line[] {
  const share = bareMs / ms;
  const perSecond = (took: number) => `${Math.round((rows * 1000) / took)} rows/s`;
  return [
    tell('rows', rows),
    tell('copied, following from one point of the log', `${showMs(ms)}, ${perSecond(ms)}`),
    tell('a bare COPY of the same rows', `${showMs(bareMs)}, ${perSecond(bareMs)}`),
    tell(`rows a second ÷ bare COPY (aim: ${AIMED_SHARE})`, share.toFixed(2)),
  ];
}

async function judgeMove(store: Store, tenants: number, ms: number): Promise<readonly Line[]> {
  const orders = await store.moves.orders(100_000);
  const done = orders.filter(({ state }) => state === 'done');
  const failed = orders.filter(({ state }) => state === 'failed');
  const held = done.flatMap(({ heldMs }) => heldMs ?? []);
  const all = tenants * Object.keys(MOVED).length;
  return [
    hold('tenants × features handed over and verified', String(all), done.length, done.length >= all),
    tell(
      'refused or failed, and taken again',
      failed.length === 0 ? '0' : `${failed.length}: ${failed[0]?.detail}`,
    ),
    tell('all hand-overs together', `${showMs(ms)}, ${(all / (ms / 1000)).toFixed(1)} a second`),
    tell('writes held: median, p99', `${showMs(percentile(held, 0.5))}, ${showMs(percentile(held, 0.99))}`),
  ];
}
