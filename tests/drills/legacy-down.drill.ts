import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../support/house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, holdP99, isGood, isHelpful, p99, showEnds } from './ends.ts';
import { showMs } from './figures.ts';
import { judgeRatio, type Stretch } from './ratio.ts';
import type { End, Shot } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, setStage, setTimeouts } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
const PER_SECOND = 60;
const ROUND_MS = { calm: 5_000, dead: 5_000, hanging: 7_000 } as const;
const ROUNDS = 2;
const TIMEOUT_MS = 1_500;
const MOST_TIMES = 1.5;
const MOST_REFUSAL_MS = 250;
const MOST_RECOVERY_MS = 5_000;

export const drill: Drill = {
  story: `Login and chat have moved to the new side, files and the AI engine have not. Legacy dies (SIGKILL), comes back, and then stands still
(SIGSTOP: it accepts and says nothing). Expected: the new side does not notice; whoever needs legacy is told so, at once while it is
dead, and when it hangs by the route's deadline of ${TIMEOUT_MS} ms, until the breaker opens; all is well within seconds of its return.`,
  run: (say) => {
    const table = makeTable((draft) => {
      setStage(draft, ['login', 'chat'], 'new');
      for (const feature of ['files', 'ai']) setTimeouts(draft, feature, TIMEOUT_MS);
    });
    return onStack({ table }, (stack) => run(stack, say));
  },
};

const NEW = ['/api/chat/channels/', '/api/chat/channels/1/messages/', '/api/auth/me/'];
const OLD = ['/api/files/', '/api/ai/jobs/', '/api/files/1/content/'];

type Phase = 'calm' | 'dead' | 'hanging';
type Round = Readonly<{ phase: Phase; own: readonly End[]; old: readonly End[] }>;

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  await ask(stack, 'calm');
  const rounds: Round[] = [];
  const recoveriesMs: number[] = [];
  const measure = async (phase: Phase) => {
    const round = await ask(stack, phase);
    rounds.push(round);
    say(
      `${phase.padEnd(7)} new: p99 ${showMs(p99(round.own))}, ${showEnds(round.own)}; legacy: ${showEnds(round.old)}`,
    );
  };
  for (let i = 0; i < ROUNDS; i += 1) {
    await measure('calm');
    stack.legacy.kill('SIGKILL');
    await stack.legacy.gone;
    await measure('dead');
    await stack.startLegacy();
    recoveriesMs.push(await recover(stack));
    await measure('calm');
    stack.legacy.kill('SIGSTOP');
    await measure('hanging');
    stack.legacy.kill('SIGCONT');
    recoveriesMs.push(await recover(stack));
  }
  await measure('calm');
  return judge(rounds, recoveriesMs);
}

async function ask(stack: Stack, phase: Phase): Promise<Round> {
  const wish = { perSecond: PER_SECOND / 2, ms: ROUND_MS[phase], seed: phase };
  const [own, old] = await Promise.all([
    stack.ask({ ...wish, shots: listShots(stack, NEW) }, 'new'),
    stack.ask({ ...wish, shots: [...listShots(stack, OLD), ...listWrites(stack)] }, 'old'),
  ]);
  return { phase, own: own.ends, old: old.ends };
}

const listShots = (stack: Stack, targets: readonly string[]): readonly Shot[] =>
  TENANTS.flatMap((tenant) => targets.map((target) => stack.shot(tenant, target, { weight: 2 })));
const listWrites = (stack: Stack): readonly Shot[] =>
  TENANTS.map((tenant) =>
    stack.shot(tenant, '/api/ai/completions/', { method: 'POST', body: '{"prompt":"drill {mark}"}' }),
  );

/** In how many ms each feature of legacy answers again. */
async function recover(stack: Stack): Promise<number> {
  const beganMs = performance.now();
  const isWell = async () => {
    const shots = [stack.shot('acme', '/api/files/'), stack.shot('acme', '/api/ai/jobs/')];
    const { ends } = await stack.ask({ perSecond: 40, ms: 200, seed: 'well', shots }, 'old');
    return ends.every(isGood);
  };
  await until(isWell, 'legacy to answer again', 30_000);
  const tookMs = performance.now() - beganMs;
  // Whoever comes back has work to catch up with.
  await wait(500);
  return tookMs;
}

function judge(rounds: readonly Round[], recoveriesMs: readonly number[]): readonly Line[] {
  const endsOf = (side: 'own' | 'old', ...phases: readonly Phase[]) =>
    rounds.filter(({ phase }) => phases.includes(phase)).flatMap((round) => round[side]);
  const stretches = rounds.map(
    ({ phase, own }): Stretch => ({ kind: phase === 'calm' ? 'calm' : 'bad', figure: p99(own) }),
  );
  const [dead, hanging] = [endsOf('old', 'dead'), endsOf('old', 'hanging')];
  const failed = [...dead, ...hanging].filter((end) => !isGood(end));
  const waited = hanging.filter(({ status }) => status === 504);
  const slowest = Math.max(...recoveriesMs);
  return [
    holdNone(
      'calm: failed, on either side',
      [...endsOf('own', 'calm'), ...endsOf('old', 'calm')],
      (end) => !isGood(end),
    ),
    holdNone('new side: failed meanwhile', endsOf('own', 'dead', 'hanging'), (end) => !isGood(end)),
    judgeRatio('new side: p99 meanwhile', stretches, MOST_TIMES),
    holdNone('dead: answered by anybody', dead, isGood),
    holdP99('dead: refused at once', dead, MOST_REFUSAL_MS),
    hold(
      'dead: what is said',
      '503, safe to repeat',
      showEnds(dead),
      dead.every(({ status, problem }) => status === 503 && problem?.retrySafe),
    ),
    tell('hanging: what is said', showEnds(hanging)),
    holdP99('hanging: by the deadline', hanging, TIMEOUT_MS + MOST_REFUSAL_MS),
    hold(
      'hanging: most do not wait for it',
      'refused by the breaker',
      `${hanging.length - waited.length} of ${hanging.length}`,
      waited.length < hanging.length / 2,
    ),
    holdNone(
      'hanging: a write that was sent is called safe to repeat',
      waited,
      ({ method, problem }) => method === 'POST' && problem?.retrySafe !== false,
    ),
    holdNone('errors that do not say what to do', failed, (end) => !isHelpful(end)),
    hold(
      'well again',
      `within ${MOST_RECOVERY_MS / 1000} s`,
      recoveriesMs.map(showMs).join(', '),
      slowest <= MOST_RECOVERY_MS,
    ),
  ];
}
