import { query, until } from '../support/house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, holdP99, isGood, isHelpful, p99, showEnds } from './ends.ts';
import { showMs } from './figures.ts';
import { judgeRatio, type Stretch } from './ratio.ts';
import type { End, Shot } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, setStage, setTimeouts } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
/** Nobody has asked with this one's key before. */
const STRANGER = 'umbrella';
const PER_SECOND = 30;
const ROUND_MS = { calm: 4_000, dead: 5_000, frozen: 6_000 } as const;
const TIMEOUT_MS = 1_500;
const MOST_TIMES = 1.5;
const MOST_MS = 250;
const MOST_RECOVERY_MS = 15_000;

export const drill: Drill = {
  story: `Chat has moved to the new side, files have not. The database of the new store crashes, comes back, and then stands still. Expected:
who asks legacy does not notice; reads of chat are answered by legacy instead; writes are refused, and what is said about them is true;
nothing acknowledged is lost; chat is back on the new side soon after the database is.`,
  run: (say) => {
    const table = makeTable((draft) => {
      setStage(draft, ['chat'], 'new');
      setTimeouts(draft, 'chat', TIMEOUT_MS);
    });
    // Legacy keeps to its own database: it is another server.
    return onStack({ table, tenants: [...TENANTS, STRANGER], storeServer: 'own' }, (stack) =>
      run(stack, say),
    );
  },
};

const MESSAGES = '/api/chat/channels/1/messages/';
type Phase = keyof typeof ROUND_MS;
type Round = Readonly<{
  phase: Phase;
  reads: readonly End[];
  writes: readonly End[];
  old: readonly End[];
  strangers: readonly End[];
}>;

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  const server = stack.storeServer;
  if (!server) throw new Error('the store has no server of its own');
  await ask(stack, 'calm', 'warm');
  const rounds: Round[] = [];
  const recoveriesMs: number[] = [];
  const measure = async (phase: Phase) => {
    const round = await ask(stack, phase);
    rounds.push(round);
    say(
      `${phase.padEnd(6)} reads of chat: ${showEnds(round.reads)} by ${showSides(round.reads)}; writes: ${showEnds(round.writes)}`,
    );
  };
  await measure('calm');
  await server.crash();
  await measure('dead');
  await server.start();
  recoveriesMs.push(await recover(stack));
  await measure('calm');
  server.freeze();
  await measure('frozen');
  server.thaw();
  recoveriesMs.push(await recover(stack));
  await measure('calm');
  return [...judge(rounds, recoveriesMs), await judgeRows(server.superUrl, rounds)];
}

async function ask(stack: Stack, phase: Phase, seed: string = phase): Promise<Round> {
  const wish = { perSecond: PER_SECOND, ms: ROUND_MS[phase], seed };
  const shots = (targets: readonly string[]): readonly Shot[] =>
    TENANTS.flatMap((tenant) => targets.map((target) => stack.shot(tenant, target)));
  const writes = TENANTS.map((tenant) =>
    stack.shot(tenant, MESSAGES, { method: 'POST', body: `{"body":"drill {mark}"}` }),
  );
  const strangers = phase === 'calm' ? [] : [stack.shot(STRANGER, '/api/files/')];
  const answers = await Promise.all([
    stack.ask({ ...wish, shots: shots(['/api/chat/channels/', MESSAGES]) }, 'reads'),
    stack.ask({ ...wish, perSecond: PER_SECOND / 2, shots: writes }, 'writes'),
    stack.ask({ ...wish, shots: shots(['/api/files/', '/api/files/1/content/']) }, 'old'),
    stack.ask({ ...wish, perSecond: strangers.length * 2, shots: strangers }, 'strangers'),
  ]);
  const [reads, written, old, strange] = answers.map(({ ends }) => ends);
  return { phase, reads: reads ?? [], writes: written ?? [], old: old ?? [], strangers: strange ?? [] };
}

const showSides = (ends: readonly End[]) => [...new Set(ends.map(({ side }) => side))].join(' and ');

/** In how many ms the new side answers again. */
async function recover(stack: Stack): Promise<number> {
  const beganMs = performance.now();
  const isWell = async () => {
    const shots = [stack.shot('acme', MESSAGES)];
    const { ends } = await stack.ask({ perSecond: 20, ms: 250, seed: 'well', shots }, 'reads');
    return ends.every((end) => isGood(end) && end.side === 'new');
  };
  await until(isWell, 'the new side to answer again', 45_000);
  return performance.now() - beganMs;
}

function judge(rounds: readonly Round[], recoveriesMs: readonly number[]): readonly Line[] {
  const endsOf = (who: Exclude<keyof Round, 'phase'>, ...phases: readonly Phase[]) =>
    rounds.filter(({ phase }) => phases.includes(phase)).flatMap((round) => round[who]);
  const stretches = rounds.map(
    ({ phase, old }): Stretch => ({ kind: phase === 'calm' ? 'calm' : 'bad', figure: p99(old) }),
  );
  const calm = (['reads', 'writes', 'old'] as const).flatMap((who) => endsOf(who, 'calm'));
  const [writes, strangers] = [endsOf('writes', 'dead', 'frozen'), endsOf('strangers', 'dead', 'frozen')];
  return [
    holdNone('calm: failed', calm, (end) => !isGood(end)),
    holdNone('legacy’s routes: failed meanwhile', endsOf('old', 'dead', 'frozen'), (end) => !isGood(end)),
    judgeRatio('legacy’s routes: p99 meanwhile', stretches, MOST_TIMES),
    holdNone('reads of chat: failed meanwhile', endsOf('reads', 'dead', 'frozen'), (end) => !isGood(end)),
    tell('reads of chat: answered by', showSides(endsOf('reads', 'dead', 'frozen'))),
    holdP99('reads of chat while it is dead', endsOf('reads', 'dead'), MOST_MS),
    holdP99('reads of chat while it is frozen', endsOf('reads', 'frozen'), TIMEOUT_MS + MOST_MS),
    tell('writes of chat', showEnds(writes)),
    tell(
      'keys that nobody has seen before',
      `${showEnds(strangers)}, after ${showMs(p99(strangers))} at most`,
    ),
    holdNone(
      'errors that do not say what to do',
      [...writes, ...strangers].filter((end) => !isGood(end)),
      (end) => !isHelpful(end),
    ),
    hold(
      'the new side answers again',
      `within ${MOST_RECOVERY_MS / 1000} s`,
      recoveriesMs.map(showMs).join(', '),
      Math.max(...recoveriesMs) <= MOST_RECOVERY_MS,
    ),
  ];
}

/** What was acknowledged is there; what was refused as safe to repeat is not. */
async function judgeRows(url: string, rounds: readonly Round[]): Promise<Line> {
  const writes = rounds.flatMap((round) => round.writes);
  const acknowledged = writes.filter(isGood).length;
  const unknown = writes.filter((end) => !isGood(end) && end.problem?.retrySafe !== true).length;
  const [row] = await query<{ count: string }>(
    url,
    `SELECT count(*) FROM chat_message WHERE body LIKE 'drill calm-%' OR body LIKE 'drill dead-%' OR body LIKE 'drill frozen-%'`,
  );
  const rows = Number(row?.count);
  const most = acknowledged + unknown;
  return hold(
    'rows written',
    unknown === 0
      ? `${most}: those acknowledged`
      : `${acknowledged} acknowledged, up to ${unknown} more of which nobody knows`,
    rows,
    rows >= acknowledged && rows <= most,
  );
}
