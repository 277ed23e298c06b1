import pg from 'pg';
import { query, until } from '../support/house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, holdP99, isGood, isHelpful, p99, showEnds } from './ends.ts';
import { showMs } from './figures.ts';
import { judgeRatio, type Stretch } from './ratio.ts';
import type { End, Shot } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, setStage, setTimeouts } from './tables.ts';

const TENANTS = ['acme', 'globex', 'initech'];
const PER_SECOND = 30;
const ROUND_MS = 6_000;
const TIMEOUT_MS = 1_000;
const REST_MS = 3_000;
const MOST_TIMES = 1.5;
const MOST_MS = 250;
const MOST_RECOVERY_MS = 2 * REST_MS + TIMEOUT_MS + 2_000;

export const drill: Drill = {
  story: `Everything has moved to the new side. There, the handlers of the AI engine fail (their table is gone), and those of chat hang (somebody
locks their tables). Expected: reads of both are answered by legacy instead; writes are refused, and none is carried out twice; the other
features of the new side do not notice; both are back soon after their tables are.`,
  run: (say) => {
    const table = makeTable((draft) => {
      setStage(draft, ['login', 'ai', 'chat', 'files'], 'new');
      setTimeouts(draft, 'chat', TIMEOUT_MS);
    });
    // So few connections that who hangs could hold all of them.
    return onStack({ table, env: { NEW_REST_MS: String(REST_MS), DATABASE_POOL_SIZE: '8' } }, (stack) =>
      run(stack, say),
    );
  },
};

const TARGETS = {
  ai: ['/api/ai/jobs/', '/api/ai/jobs/3/'],
  chat: ['/api/chat/channels/', '/api/chat/channels/1/messages/'],
  others: ['/api/auth/me/', '/api/files/', '/api/files/1/content/'],
} as const;
const WRITES = {
  ai: ['/api/ai/completions/', '{"prompt":"drill {mark}"}'],
  chat: ['/api/chat/channels/1/messages/', '{"body":"drill {mark}"}'],
} as const;

type Who = 'ai' | 'chat' | 'others' | 'writes';
type Round = Readonly<{ kind: Stretch['kind'] } & Record<Who, readonly End[]>>;

async function run(stack: Stack, say: (line: string) => void): Promise<readonly Line[]> {
  await ask(stack, 'calm', 'warm');
  const rounds: Round[] = [];
  const recoveriesMs: number[] = [];
  const measure = async (kind: Stretch['kind']) => {
    const round = await ask(stack, kind);
    rounds.push(round);
    say(
      `${kind}: AI ${showEnds(round.ai)} by ${showSides(round.ai)}; chat ${showEnds(round.chat)} by ${showSides(round.chat)}`,
    );
  };
  for (let i = 0; i < 2; i += 1) {
    await measure('calm');
    const mend = await spoil(stack.storeUrl.superuser);
    await measure('bad');
    await mend();
    recoveriesMs.push(await recover(stack));
  }
  await measure('calm');
  const breakers = (await stack.readMetrics()).sum('banyan_breaker_state', { side: 'new' });
  return [
    ...judge(rounds, recoveriesMs),
    judgeBreakers(breakers),
    await judgeRows(stack.storeUrl.superuser, rounds),
  ];
}

/** Breaks both features; answers the way to mend them. */
async function spoil(url: string): Promise<() => Promise<void>> {
  await query(url, 'ALTER TABLE ai_job RENAME TO ai_job_away');
  const lock = new pg.Client({ connectionString: url });
  await lock.connect();
  await lock.query('BEGIN; LOCK TABLE chat_channel, chat_message IN ACCESS EXCLUSIVE MODE');
  return async () => {
    await lock.end();
    await query(url, 'ALTER TABLE ai_job_away RENAME TO ai_job');
  };
}

async function ask(stack: Stack, kind: Stretch['kind'], seed: string = kind): Promise<Round> {
  const wish = { perSecond: PER_SECOND, ms: ROUND_MS, seed };
  const shots = (who: keyof typeof TARGETS): readonly Shot[] =>
    TENANTS.flatMap((tenant) => TARGETS[who].map((target) => stack.shot(tenant, target)));
  const writes = TENANTS.flatMap((tenant) =>
    Object.values(WRITES).map(([target, body]) => stack.shot(tenant, target, { method: 'POST', body })),
  );
  const [ai, chat, others, written] = await Promise.all([
    stack.ask({ ...wish, shots: shots('ai') }, 'ai'),
    stack.ask({ ...wish, shots: shots('chat') }, 'chat'),
    stack.ask({ ...wish, shots: shots('others') }, 'others'),
    stack.ask({ ...wish, perSecond: PER_SECOND / 3, shots: writes }, 'writes'),
  ]);
  return { kind, ai: ai.ends, chat: chat.ends, others: others.ends, writes: written.ends };
}

const showSides = (ends: readonly End[]) => [...new Set(ends.map(({ side }) => side))].join(' and ');

/** In how many ms the new side answers both features again. */
async function recover(stack: Stack): Promise<number> {
  const beganMs = performance.now();
  const isWell = async () => {
    const shots = [stack.shot('acme', TARGETS.ai[0]), stack.shot('acme', TARGETS.chat[0])];
    const { ends } = await stack.ask({ perSecond: 40, ms: 250, seed: 'well', shots }, 'ai');
    return ends.every((end) => isGood(end) && end.side === 'new');
  };
  await until(isWell, 'the new side to answer again', 45_000);
  return performance.now() - beganMs;
}

function judge(rounds: readonly Round[], recoveriesMs: readonly number[]): readonly Line[] {
  const endsOf = (kind: Stretch['kind'], ...whose: readonly Who[]) =>
    rounds.filter((round) => round.kind === kind).flatMap((round) => whose.flatMap((who) => round[who]));
  const stretches = rounds.map(({ kind, others }): Stretch => ({ kind, figure: p99(others) }));
  const isBad = (end: End) => !isGood(end);
  const writes = endsOf('bad', 'writes');
  return [
    holdNone('calm: failed', endsOf('calm', 'ai', 'chat', 'others', 'writes'), isBad),
    holdNone('other features: failed meanwhile', endsOf('bad', 'others'), isBad),
    judgeRatio('other features: p99 meanwhile', stretches, MOST_TIMES),
    holdNone('reads of the AI engine: failed meanwhile', endsOf('bad', 'ai'), isBad),
    tell('reads of the AI engine: answered by', showSides(endsOf('bad', 'ai'))),
    holdP99('reads of the AI engine', endsOf('bad', 'ai'), MOST_MS),
    holdNone('reads of chat: failed meanwhile', endsOf('bad', 'chat'), isBad),
    tell('reads of chat: answered by', showSides(endsOf('bad', 'chat'))),
    holdP99('reads of chat, which hang at first', endsOf('bad', 'chat'), TIMEOUT_MS + MOST_MS),
    tell('writes', showEnds(writes)),
    holdNone('errors that do not say what to do', writes.filter(isBad), (end) => !isHelpful(end)),
    hold(
      'both are back on the new side',
      `within ${MOST_RECOVERY_MS / 1000} s`,
      recoveriesMs.map(showMs).join(', '),
      Math.max(...recoveriesMs) <= MOST_RECOVERY_MS,
    ),
  ];
}

function judgeBreakers(sum: number): Line {
  return hold('breakers that are not closed in the end', '0', sum, sum === 0);
}

/** What was acknowledged is there; what was refused as safe to repeat is not. */
async function judgeRows(url: string, rounds: readonly Round[]): Promise<Line> {
  const writes = rounds.flatMap((round) => round.writes);
  const acknowledged = writes.filter(isGood).length;
  const unknown = writes.filter((end) => !isGood(end) && end.problem?.retrySafe !== true).length;
  const [row] = await query<{ count: string }>(
    url,
    `SELECT (SELECT count(*) FROM chat_message WHERE body ~ '^drill (calm|bad)-')
          + (SELECT count(*) FROM ai_job WHERE prompt ~ '^drill (calm|bad)-') AS count`,
  );
  const rows = Number(row?.count);
  const expected = `${acknowledged} acknowledged, up to ${unknown} more of which nobody knows`;
  return hold('rows written', expected, rows, rows >= acknowledged && rows <= acknowledged + unknown);
}
