import { setTimeout as wait } from 'node:timers/promises';
import { isGood, p99, showEnds } from '../../tests/drills/ends.ts';
import type { End } from '../../tests/drills/shot.ts';
import { onStack, type Stack } from '../../tests/drills/stack.ts';
import { makeTable, takeIn } from '../../tests/drills/tables.ts';
import type { FilledStore } from '../new-side/filled-store.ts';
import type { Rig, Row } from '../part.ts';
import { median, ratioOf, spreadOf } from '../spread.ts';

const NEW = 'acme';
const OLD = 'globex';
const MOST_ROUNDS = { short: 2, full: 9 } as const;
const ROUND_MS = { short: 2_500, full: 6_000 } as const;
const HEAD_START_MS = 700;
const LOGINS_PER_SECOND = 16;
/** Each uses 250 ms of processor, as the stub comes: three quarters of a core. */
const DASHBOARDS_PER_SECOND = 3;
const PEOPLE = ['ada', 'grace', 'linus', 'margaret', 'edsger'];

/** Logins of one round, by side. */
type Round = Readonly<Record<'old' | 'own', readonly End[]>>;

/**
 * People of two tenants log in at once, while dashboards burn processor in the monolith. One tenant's login is still the monolith's, the
 * other's has moved; everything else of both has not. No bulkheads: the design alone.
 */
export async function measureKitchen(rig: Rig, { superUrl }: FilledStore): Promise<readonly Row[]> {
  // The stack's databases are on the same server, and ends with it.
  process.env.BANYAN_TEST_PG = new URL('/postgres', superUrl).href;
  const table = makeTable((draft) => takeIn(draft, 'login', [NEW]));
  const legacy = { env: { LEGACY_LANES: '2' } };
  return onStack({ table, tenants: [NEW, OLD], legacy }, (stack) => askInRounds(rig, stack));
}

async function askInRounds(rig: Rig, stack: Stack): Promise<readonly Row[]> {
  const ms = ROUND_MS[rig.mode];
  await askLogins(stack, ms / 2, 'warm');
  const [calm, smoky]: [Round[], Round[]] = [[], []];
  for (let round = 0; round < Math.min(rig.rounds, MOST_ROUNDS[rig.mode]); round += 1) {
    calm.push(await askLogins(stack, ms, `calm ${round}`));
    smoky.push(await askInSmoke(stack, ms, round));
    rig.say(`login p99: calm ${tell(calm.at(-1))}; while dashboards burn ${tell(smoky.at(-1))}`);
  }
  return describe(calm, smoky);
}

async function askLogins(stack: Stack, ms: number, seed: string): Promise<Round> {
  const shots = [NEW, OLD].flatMap((tenant) =>
    PEOPLE.map((username) =>
      stack.shot(tenant, '/api/auth/login/', {
        method: 'POST',
        body: `{"username":"${username}","password":"demo"}`,
      }),
    ),
  );
  const { ends } = await stack.ask({ perSecond: LOGINS_PER_SECOND, ms, seed, shots });
  const of = (name: string) => ends.filter(({ tenant }) => tenant === name);
  return { old: of(OLD), own: of(NEW) };
}

async function askInSmoke(stack: Stack, ms: number, round: number): Promise<Round> {
  const shots = [NEW, OLD].map((tenant) => stack.shot(tenant, '/api/dashboard/summary/'));
  const seed = `dashboards ${round}`;
  const burning = stack.ask(
    { perSecond: DASHBOARDS_PER_SECOND, ms: ms + HEAD_START_MS, seed, shots },
    'dashboards',
  );
  await wait(HEAD_START_MS);
  const logins = await askLogins(stack, ms, `smoky ${round}`);
  await burning;
  return logins;
}

const p99Of = (rounds: readonly Round[], side: 'old' | 'own') => rounds.map((round) => p99(round[side]));
const showMs = (ms: number) => `${ms.toFixed(0)} ms`;
const tell = (round: Round | undefined) =>
  round && `${showMs(p99(round.old))} in the monolith, ${showMs(p99(round.own))} on the new side`;

function describe(calm: readonly Round[], smoky: readonly Round[]): readonly Row[] {
  const compare = (when: string, rounds: readonly Round[]): Row => {
    const [old, own] = [p99Of(rounds, 'old'), p99Of(rounds, 'own')];
    return {
      what: `p99 of logins ${when}, in the monolith ÷ on the new side`,
      seen: ratioOf(old, own),
      unit: '×',
      note: `${showMs(median(old))} ÷ ${showMs(median(own))}`,
    };
  };
  const bad = [...calm, ...smoky].flatMap(({ old, own }) => [...old, ...own]).filter((end) => !isGood(end));
  return [
    compare('while a dashboard burns processor in the monolith', smoky),
    compare('while nothing else is asked', calm),
    {
      what: 'logins that failed',
      seen: spreadOf([bad.length]),
      unit: '',
      bound: { kind: 'at_most', least: 0 },
      ...(bad.length > 0 && { note: showEnds(bad) }),
    },
  ];
}
