import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { openDie } from '../../legacy-stub/seed/random.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { until } from '../support/house.ts';
import { Chatter } from './chatter.ts';
import { isAlive, listChildren } from './cores.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { showCounts } from './figures.ts';
import { compareMoved, countCopies } from './message-copies.ts';
import { chatTable, startMove, TENANTS, untilOwned } from './moving-chat.ts';
import { onStack, type Stack } from './stack.ts';

const PEOPLE = 20;
const PAUSE_MS = 200;
const KILLS = 200;
const SEED = 'kill anything';
const LIFE_MS = [150, 600] as const;
const PATIENCE_MS = 60_000;

const TARGETS = [
  'mover',
  'rehearsals',
  'worker',
  'gateway',
  'store connection',
  'legacy connection',
  'log stream',
] as const;
type Target = (typeof TARGETS)[number];
/** How often each is drawn. */
const URN: readonly Target[] = [
  ...Array<Target>(6).fill('mover'),
  ...Array<Target>(2).fill('rehearsals'),
  ...Array<Target>(4).fill('worker'),
  'gateway',
  ...Array<Target>(6).fill('store connection'),
  ...Array<Target>(4).fill('legacy connection'),
  ...Array<Target>(3).fill('log stream'),
];

export const drill: Drill = {
  story: `${PEOPLE} people write and read while rows are handed over and back all the time, and ${KILLS} times something is killed that has a part in it: the mover, the rehearsals' process, a worker, the whole gateway (SIGKILL), one of
the backends behind their connections to the new store and to legacy, the stream of legacy's log. Expected: whoever was answered with success finds his message once on each side; in the end every tenant has one settled owner, the
rows are equal, and nobody had to mend anything.`,
  run: (say, argv) =>
    onStack({ table: chatTable([]), tenants: TENANTS, env: { WORKERS: '2' }, follow: 'followed' }, (stack) =>
      run(stack, say, Number(argv[0] ?? KILLS)),
    ),
};

async function run(stack: Stack, say: (line: string) => void, kills: number): Promise<readonly Line[]> {
  const store = await openStore({ url: stack.storeUrl.app, emit: () => undefined, onUnscoped: 'refuse' });
  const people = Array.from({ length: PEOPLE }, (_, nr) => new Chatter(stack, TENANTS, nr, PAUSE_MS));
  const stop = () => {
    for (const one of people) one.stop();
  };
  try {
    await startMove(store);
    const chatting = people.map((one) => one.run());
    const flipping = flipOn(stack);
    const killed = await killAgainAndAgain(stack, kills, say);
    await flipping.stop();
    stop();
    await Promise.all(chatting);
    return await judge(stack, store, people, killed, flipping.flips());
  } finally {
    stop();
    await store.close();
  }
}

/** The table goes on changing, whether or not the change before has come about. */
function flipOn(stack: Stack): Readonly<{ stop(): Promise<void>; flips(): number }> {
  const die = openDie(SEED);
  let isOver = false;
  let flips = 0;
  const running = (async () => {
    while (!isOver) {
      const there = TENANTS.filter(() => die.pick([true, false]));
      stack.writeTable(chatTable(there));
      flips += 1;
      await wait(1_500);
    }
  })();
  return {
    flips: () => flips,
    async stop() {
      isOver = true;
      await running;
    },
  };
}

type Killed = Readonly<Record<string, number>>;

async function killAgainAndAgain(stack: Stack, kills: number, say: (line: string) => void): Promise<Killed> {
  const die = openDie(`${SEED} 2`);
  const killed: Record<string, number> = {};
  for (let nr = 0; nr < kills; nr += 1) {
    await wait(LIFE_MS[0] + die.pick([0, 0.25, 0.5, 0.75, 1]) * (LIFE_MS[1] - LIFE_MS[0]));
    const target = die.pick(URN);
    if (await kill(stack, target, die.pick)) killed[target] = (killed[target] ?? 0) + 1;
    else nr -= 1;
    if (nr % 20 === 19) say(`${nr + 1} killed: ${showCounts(killed)}`);
  }
  return killed;
}

type Pick = <T>(of: readonly T[]) => T;

/** False where there was nothing of the kind to kill at the moment. */
async function kill(stack: Stack, target: Target, pick: Pick): Promise<boolean> {
  switch (target) {
    case 'mover':
      return killProcess(listOf(stack, 'mover.'), pick);
    case 'rehearsals':
      return killProcess(listOf(stack, 'shadow'), pick);
    case 'worker':
      return killProcess(listOf(stack, 'worker.'), pick);
    case 'gateway':
      return killGateway(stack);
    case 'store connection':
      return killBackend(stack.storeUrl.superuser, `application_name LIKE 'banyan%'`);
    case 'legacy connection':
      return killBackend(
        stack.legacyUrl,
        `application_name LIKE 'banyan%' AND backend_type = 'client backend'`,
      );
    case 'log stream':
      return killBackend(stack.legacyUrl, `backend_type = 'walsender'`);
  }
}

/** `503 owner_unknown`, or what became of the connection. */
function nameRefusal(text: string): string {
  const [, method = '', status, rest = ''] = /^(\w+) (\d{3})? ?(.*)$/s.exec(text) ?? [];
  return status === undefined
    ? rest.slice(0, 40)
    : `${method} ${status} ${/"code":"(\w+)"/.exec(rest)?.[1] ?? ''}`;
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function listOf({ gateway }: Stack, module: string): readonly number[] {
  const all = [gateway.pid, ...listChildren(gateway.pid)].flatMap((pid) => [pid, ...listChildren(pid)]);
  return [...new Set(all)].filter((pid) => pid !== gateway.pid && readCommand(pid).includes(module));
}

function readCommand(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

function killProcess(pids: readonly number[], pick: Pick): boolean {
  if (pids.length === 0) return false;
  try {
    process.kill(pick(pids), 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

async function killGateway(stack: Stack): Promise<boolean> {
  const pids = stack.gateway.pids();
  stack.gateway.kill('SIGKILL');
  await stack.gateway.gone;
  await until(() => !pids.some(isAlive), 'all of the gateway to be gone', 20_000);
  await stack.startGateway();
  return true;
}

async function killBackend(url: string, where: string): Promise<boolean> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ ended: boolean }>(
      `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
       WHERE datname = current_database() AND ${where} AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`,
    );
    return rows[0]?.ended ?? false;
  } finally {
    await client.end();
  }
}

async function judge(
  stack: Stack,
  store: Store,
  people: readonly Chatter[],
  killed: Killed,
  flips: number,
): Promise<readonly Line[]> {
  const tenants = await store.tenants.list();
  const there = new Set(TENANTS.slice(0, 2));
  stack.writeTable(chatTable([...there]));
  const owned = await untilOwned(store, tenants, there, PATIENCE_MS).then(
    () => 'all',
    () => 'not all',
  );
  const written = people.flatMap((one) => one.acknowledged);
  const copies = await countCopies(stack, written);
  const unequal = await compareMoved(
    stack,
    tenants.map(({ id }) => id),
  );
  const orders = await store.moves.orders(10_000);
  const count = (state: string) => orders.filter((one) => one.state === state).length;
  return [
    tell('killed', showCounts(killed)),
    tell('flips of the table', flips),
    tell('changes of owner: done, taken back by themselves', `${count('done')}, ${count('failed')}`),
    tell('messages that were acknowledged', written.length),
    hold('of these, exactly once on legacy', 'all', copies.legacy, copies.legacy === written.length),
    hold('of these, exactly once on the new side', 'all', copies.new, copies.new === written.length),
    hold(
      'readers who did not see their own last message',
      '0',
      people.reduce((all, { missed }) => all + missed, 0),
      people.every(({ missed }) => missed === 0),
    ),
    hold('tenants with the owner that the table says, settled', 'all', owned, owned === 'all'),
    hold(
      'tables that are not equal on both sides',
      'none',
      unequal.join(', ') || 'none',
      unequal.length === 0,
    ),
    tell(
      'answers that were no success',
      showCounts(countBy(people.flatMap(({ refused }) => refused.map(nameRefusal)))),
    ),
  ];
}
