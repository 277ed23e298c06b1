import { setTimeout as wait } from 'node:timers/promises';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, isGood, isHelpful, p99, showEnds } from './ends.ts';
import { showMs } from './figures.ts';
import { judgeRatio, type Stretch } from './ratio.ts';
import type { End, Shot } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, setStage } from './tables.ts';

const NOISY = 'globex';
const OTHERS = ['acme', 'initech', 'umbrella'];
const ROUNDS = 4;
const ROUND_MS = 6_000;
const HEAD_START_MS = 500;
const PER_SECOND = 30;
const NOISY_PER_SECOND = 120;
const AT_ONCE = 5;
const MOST_TIMES = 2;

export const drill: Drill = {
  story: `One tenant of four sends ${NOISY_PER_SECOND} requests a second, to both sides and to all features, the slow ones too; the others go on with ${PER_SECOND} a second together.
TENANT_MAX_IN_FLIGHT is ${AT_ONCE}. Expected: the others' p99 stays within ${MOST_TIMES} times its calm value and none of their requests fails; the noisy
one is answered as much as its places allow, and told to wait otherwise. Calm and noisy rounds take turns.`,
  run: (say) =>
    onStack(
      {
        table: makeTable((draft) => setStage(draft, ['chat', 'ai'], 'new')),
        tenants: ['acme', NOISY, 'initech', 'umbrella'],
        env: { TENANT_MAX_IN_FLIGHT: String(AT_ONCE) },
        // Slow because it waits for something: a monolith whose processor is used up is another drill.
        legacy: { env: { LEGACY_DASHBOARD_MS: '0', LEGACY_FAULTS: 'GET /api/dashboard/summary/=slow:200' } },
      },
      (stack) => run(stack, say),
    ),
};

type Round = Readonly<{ kind: Stretch['kind']; others: readonly End[]; noisy: readonly End[] }>;

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  await askOthers(stack);
  const rounds: Round[] = [];
  const note = (round: Round) => {
    rounds.push(round);
    const noisy = round.noisy.length > 0 ? `; ${NOISY}: ${showEnds(round.noisy)}` : '';
    say(
      `${round.kind === 'calm' ? 'calm ' : 'noisy'} others: p99 ${showMs(p99(round.others))}, ${showEnds(round.others)}${noisy}`,
    );
  };
  for (let i = 0; i < ROUNDS; i += 1) {
    note({ kind: 'calm', others: await askOthers(stack), noisy: [] });
    note(await askInNoise(stack));
  }
  note({ kind: 'calm', others: await askOthers(stack), noisy: [] });
  const lines = judge(rounds);
  return [...lines, await tellUnwalled(stack)];
}

async function tellUnwalled(stack: Stack): Promise<Line> {
  stack.gateway.kill();
  await stack.gateway.gone;
  await stack.startGateway([], { TENANT_MAX_IN_FLIGHT: '10000' });
  await askOthers(stack);
  const { others } = await askInNoise(stack);
  return tell('without TENANT_MAX_IN_FLIGHT: others', `p99 ${showMs(p99(others))}, ${showEnds(others)}`);
}

async function askOthers(stack: Stack): Promise<readonly End[]> {
  const shots = OTHERS.flatMap((tenant) => listShots(stack, tenant));
  return (await stack.ask({ perSecond: PER_SECOND, ms: ROUND_MS, seed: 'others', shots })).ends;
}

function listShots(stack: Stack, tenant: string): readonly Shot[] {
  const reads = [
    '/api/chat/channels/',
    '/api/chat/channels/1/messages/',
    '/api/ai/jobs/',
    '/api/files/',
    '/api/auth/me/',
  ];
  const body = '{"prompt":"drill {mark}"}';
  return [
    ...reads.map((target) => stack.shot(tenant, target, { weight: 3 })),
    stack.shot(tenant, '/api/ai/completions/', { method: 'POST', body }),
  ];
}

async function askInNoise(stack: Stack): Promise<Round> {
  const shots = [
    ...listShots(stack, NOISY),
    stack.shot(NOISY, '/api/dashboard/summary/', { weight: 24 }),
    stack.shot(NOISY, '/api/ai/completions/', {
      method: 'POST',
      body: '{"prompt":"noise {mark}"}',
      weight: 4,
    }),
  ];
  const ms = ROUND_MS + HEAD_START_MS;
  const noise = stack.ask({ perSecond: NOISY_PER_SECOND, ms, seed: 'noise', shots }, 'noisy');
  await wait(HEAD_START_MS);
  const others = await askOthers(stack);
  return { kind: 'bad', others, noisy: (await noise).ends };
}

function judge(rounds: readonly Round[]): readonly Line[] {
  const othersOf = (kind: Stretch['kind']) =>
    rounds.filter((round) => round.kind === kind).flatMap(({ others }) => others);
  const noisy = rounds.flatMap((round) => round.noisy);
  const refused = noisy.filter((end) => !isGood(end));
  const stretches = rounds.map(({ kind, others }): Stretch => ({ kind, figure: p99(others) }));
  const isTurnedAway = ({ status, problem }: End) => status === 429 && problem?.code === 'tenant_busy';
  return [
    holdNone('others, calm: failed', othersOf('calm'), (end) => !isGood(end)),
    holdNone('others, noisy: failed', othersOf('bad'), (end) => !isGood(end)),
    judgeRatio('others: p99', stretches, MOST_TIMES),
    tell(NOISY, showEnds(noisy)),
    hold(`${NOISY}: answered`, 'some', noisy.length - refused.length, noisy.length > refused.length),
    holdNone(`${NOISY}: refused for another reason than its own flood`, refused, (end) => !isTurnedAway(end)),
    holdNone('errors that do not say what to do', refused, (end) => !isHelpful(end)),
  ];
}
