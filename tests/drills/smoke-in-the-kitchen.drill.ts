import { setTimeout as wait } from 'node:timers/promises';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, holdP99, isGood, isHelpful, latencyOf, p99, showEnds } from './ends.ts';
import { percentile, showMs } from './figures.ts';
import { judgeRatio, type Stretch } from './ratio.ts';
import type { End, Shot } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, setTimeouts, takeIn } from './tables.ts';

const NEW = 'acme';
const OLD = ['globex', 'initech'] as const;
const ROUNDS = 5;
const ROUND_MS = 5_000;
const HEAD_START_MS = 500;
const PER_SECOND = 40;
const DASHBOARDS_PER_SECOND = 30;
/** Of the feature, in the table. */
const DASHBOARDS_AT_ONCE = 6;
const LOGINS_AT_ONCE = 16;
const PATIENCE_MS = 3_000;
const MOST_TIMES = 1.2;
/** All dashboards that may be there, two at a time and each 250 ms, and the logins before one. */
const MOST_LEGACY_MS = 1_500;
const MOST_REFUSAL_MS = 100;

const table = (walls: 'up' | 'down') =>
  makeTable((draft) => {
    takeIn(draft, 'login', [NEW]);
    setTimeouts(draft, 'dashboard', PATIENCE_MS);
    if (walls === 'down') return;
    Object.assign(draft.features.dashboard ?? {}, { max_in_flight: DASHBOARDS_AT_ONCE });
    Object.assign(draft.features.login ?? {}, { max_in_flight: LOGINS_AT_ONCE });
  });

export const drill: Drill = {
  story: `Each answer of legacy's dashboard takes one of its two workers for 250 ms, and whoever comes meanwhile waits. Now ${DASHBOARDS_PER_SECOND} a second are asked for,
and a third of them hang for ever. Login has moved to the new side for ${NEW}, not yet for ${OLD.join(' and ')}. Expected: ${NEW} does not notice;
the others wait no longer than the bulkheads allow, and who is refused is told what to do. Calm and smoky rounds take turns.`,
  run: (say) =>
    onStack(
      {
        table: table('up'),
        legacy: {
          // Its workers are held, not its processor used up: that would be this machine's, and so the gateway's.
          env: {
            LEGACY_LANES: '2',
            LEGACY_DASHBOARD_MS: '0',
            LEGACY_FAULTS: 'GET /api/dashboard/summary/=hang@0.33; GET /api/dashboard/summary/=hold:250',
          },
        },
      },
      (stack) => run(stack, say),
    ),
};

type Round = Readonly<{ logins: readonly End[]; dashboards: readonly End[] }>;

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  await askLogins(stack);
  const [calm, smoky]: [Round[], Round[]] = [[], []];
  const stretches: Stretch[] = [];
  const note = (kind: Stretch['kind'], rounds: Round[], round: Round) => {
    rounds.push(round);
    stretches.push({ kind, figure: p99(of('new', [round])) });
    say(`${kind === 'calm' ? 'calm ' : 'smoky'} login p99 ${describe(round)}`);
  };
  for (let i = 0; i < ROUNDS; i += 1) {
    note('calm', calm, { logins: await askLogins(stack), dashboards: [] });
    note('bad', smoky, await askInSmoke(stack));
  }
  note('calm', calm, { logins: await askLogins(stack), dashboards: [] });
  await stack.useTable(table('down'));
  const unwalled = await askInSmoke(stack);
  return [...judge(calm, smoky, stretches), tellUnwalled(unwalled)];
}

/** Asks who they are, and logs in by password, on both sides alike. */
async function askLogins(stack: Stack): Promise<readonly End[]> {
  const shots: Shot[] = [NEW, NEW, ...OLD].flatMap((tenant) => [
    stack.shot(tenant, '/api/auth/me/', { weight: 15 }),
    ...['ada', 'grace', 'linus', 'margaret', 'edsger'].map((username) =>
      stack.shot(tenant, '/api/auth/login/', {
        method: 'POST',
        body: `{"username":"${username}","password":"demo"}`,
      }),
    ),
  ]);
  return (await stack.ask({ perSecond: PER_SECOND, ms: ROUND_MS, seed: 'logins', shots })).ends;
}

async function askInSmoke(stack: Stack): Promise<Round> {
  const shots = [NEW, ...OLD].map((tenant) => stack.shot(tenant, '/api/dashboard/summary/'));
  const ms = ROUND_MS + HEAD_START_MS;
  const flood = stack.ask({ perSecond: DASHBOARDS_PER_SECOND, ms, seed: 'dashboards', shots }, 'dashboards');
  await wait(HEAD_START_MS);
  const logins = await askLogins(stack);
  return { logins, dashboards: (await flood).ends };
}

const of = (side: 'new' | 'legacy', rounds: readonly Round[]) =>
  rounds.flatMap(({ logins }) => logins.filter(({ tenant }) => (tenant === NEW) === (side === 'new')));

function describe(round: Round): string {
  const [own, old] = [of('new', [round]), of('legacy', [round])];
  const dashboards = round.dashboards.length > 0 ? `; dashboards: ${showEnds(round.dashboards)}` : '';
  return `new ${showMs(p99(own))}, legacy ${showMs(p99(old))}: ${showEnds(old)}${dashboards}`;
}

function judge(
  calm: readonly Round[],
  smoky: readonly Round[],
  stretches: readonly Stretch[],
): readonly Line[] {
  const [own, old] = [of('new', smoky), of('legacy', smoky)];
  const dashboards = smoky.flatMap((round) => round.dashboards);
  const refused = [...old, ...dashboards].filter(isTurnedAway);
  const bad = old.filter((end) => !isGood(end));
  return [
    holdNone('calm: logins that failed', [...of('new', calm), ...of('legacy', calm)], (end) => !isGood(end)),
    judgeRatio('login on the new side, p99', stretches, MOST_TIMES),
    holdNone('login on the new side: failed', own, (end) => !isGood(end)),
    holdP99('login on legacy', old, MOST_LEGACY_MS),
    hold(
      'login on legacy: answered or refused',
      'every one',
      showEnds(old),
      bad.every((end) => isTurnedAway(end) && isHelpful(end)),
    ),
    tell('dashboards', showEnds(dashboards)),
    hold('dashboards that got through', 'some', dashboards.filter(isGood).length, dashboards.some(isGood)),
    holdNone(
      'errors that do not say what to do',
      [...old, ...dashboards].filter((end) => !isGood(end)),
      (end) => !isHelpful(end),
    ),
    hold(
      'refusals (503, 429) come at once',
      `p99 at most ${MOST_REFUSAL_MS} ms`,
      `${showMs(p99(refused))} of ${refused.length}`,
      p99(refused) <= MOST_REFUSAL_MS,
    ),
  ];
}

/** 429: the tenant has too many there already. A feature leaves half of its places to others. */
const isTurnedAway = ({ status }: End) => status === 503 || status === 429;

function tellUnwalled(round: Round): Line {
  const old = of('legacy', [round]);
  return tell(
    'without the bulkheads: login on legacy',
    `median ${showMs(percentile(old.map(latencyOf), 0.5))}, p99 ${showMs(p99(old))}: ${showEnds(old)}`,
  );
}
