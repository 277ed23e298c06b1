import { openStore, type Store } from '../../src/store/index.ts';
import type { MoveOrder } from '../../src/vocabulary/index.ts';
import { Chatter } from './chatter.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { percentile, showMs } from './figures.ts';
import { countCopies } from './message-copies.ts';
import { chatTable, startMove, TENANTS, untilOwned } from './moving-chat.ts';
import { onStack, type Stack } from './stack.ts';

const PEOPLE = 50;
const PAUSE_MS = 800;
/** Each of them there, and back. */
const ROUNDS = 100;
const LONGEST_HELD_MS = 500;

export const drill: Drill = {
  story: `${PEOPLE} people write and read chat messages of five tenants through two workers, each looking for his own last message after he has written it. Meanwhile the feature's rows are handed over to the new side
and back, ${ROUNDS} times, tenant by tenant, by nothing but the route table. Expected: everybody gets every answer, nobody reads what is older than what he has written, and every acknowledged message is there exactly once, on both sides.`,
  run: (say, argv) =>
    onStack({ table: chatTable([]), tenants: TENANTS, env: { WORKERS: '2' }, follow: 'followed' }, (stack) =>
      run(stack, say, Number(argv[0] ?? ROUNDS)),
    ),
};

async function run(stack: Stack, say: (line: string) => void, rounds: number): Promise<readonly Line[]> {
  const store = await openStore({ url: stack.storeUrl.app, emit: () => undefined, onUnscoped: 'refuse' });
  const people = Array.from({ length: PEOPLE }, (_, nr) => new Chatter(stack, TENANTS, nr, PAUSE_MS));
  try {
    await startMove(store);
    const chatting = people.map((one) => one.run());
    const orders = await handOverAgainAndAgain(stack, store, rounds, say);
    for (const one of people) one.stop();
    await Promise.all(chatting);
    return await judge(stack, people, orders, rounds);
  } finally {
    for (const one of people) one.stop();
    await store.close();
  }
}

/** Each round another tenant changes sides, and some rounds several at once. */
async function handOverAgainAndAgain(
  stack: Stack,
  store: Store,
  rounds: number,
  say: (line: string) => void,
): Promise<readonly MoveOrder[]> {
  const tenants = await store.tenants.list();
  const there = new Set<string>();
  const ended: MoveOrder[] = [];
  let done = 0;
  for (let round = 0; done < 2 * rounds; round += 1) {
    const several = round % 4 === 3 ? TENANTS.slice(0, 3) : [TENANTS[round % TENANTS.length] ?? ''];
    for (const tenant of several) there.has(tenant) ? there.delete(tenant) : there.add(tenant);
    stack.writeTable(chatTable([...there]));
    await untilOwned(store, tenants, there);
    done += several.length;
    if (round % 10 === 9) say(`${done} of ${2 * rounds} changes of owner`);
  }
  ended.push(...(await store.moves.orders(10_000)));
  return ended;
}

async function judge(
  stack: Stack,
  people: readonly Chatter[],
  orders: readonly MoveOrder[],
  rounds: number,
): Promise<readonly Line[]> {
  const done = orders.filter(({ state }) => state === 'done');
  const failed = orders.filter(({ state }) => state === 'failed');
  const held = done.flatMap(({ heldMs }) => heldMs ?? []);
  const written = people.flatMap((one) => one.acknowledged);
  const refused = people.flatMap((one) => one.refused);
  const copies = await countCopies(stack, written);
  const sum = (figure: (one: Chatter) => number) => people.reduce((all, one) => all + figure(one), 0);
  return [
    hold('changes of owner', `≥ ${2 * rounds}`, done.length, done.length >= 2 * rounds),
    tell(
      'orders that were refused or failed, and taken again',
      failed.length === 0 ? '0' : `${failed.length}: ${failed[0]?.detail}`,
    ),
    tell('messages that were acknowledged', written.length),
    hold('of these, exactly once on legacy', 'all', copies.legacy, copies.legacy === written.length),
    hold('of these, exactly once on the new side', 'all', copies.new, copies.new === written.length),
    tell(
      'answers to readers',
      sum((one) => one.reads),
    ),
    hold(
      'readers who did not see their own last message',
      '0',
      sum((one) => one.missed),
      sum((one) => one.missed) === 0,
    ),
    hold(
      'answers that were no success',
      '0',
      refused.length === 0 ? 0 : `${refused.length}: ${refused[0]}`,
      refused.length === 0,
    ),
    hold(
      'writes held, p99',
      `≤ ${LONGEST_HELD_MS} ms`,
      showMs(percentile(held, 0.99)),
      percentile(held, 0.99) <= LONGEST_HELD_MS,
    ),
    tell('writes held, median', showMs(percentile(held, 0.5))),
    tell('the longest of them', done.toSorted((a, b) => (b.heldMs ?? 0) - (a.heldMs ?? 0))[0]?.detail ?? ''),
    tell(
      'one in the middle',
      done.toSorted((a, b) => (b.heldMs ?? 0) - (a.heldMs ?? 0))[Math.floor(done.length / 2)]?.detail ?? '',
    ),
    tell('slowest answer', showMs(Math.max(...people.map((one) => one.slowestMs)))),
  ];
}
