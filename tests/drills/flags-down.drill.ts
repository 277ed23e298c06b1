import { execFile } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  type FlagAnswer,
  flag,
  onFor,
  openFlagServer,
  refuse,
  tellAs,
  tell as tellFlags,
} from '../support/flag-server.ts';
import { freePort } from '../support/free-port.ts';
import { ADMIN_TOKEN, until } from '../support/house.ts';
import { type Drill, hold, type Line, tell } from './drill.ts';
import { holdNone, isGood } from './ends.ts';
import { showMs } from './figures.ts';
import type { End } from './shot.ts';
import { onStack, type Stack } from './stack.ts';
import { makeTable, setStage } from './tables.ts';

const MOVED = 'acme';
const TENANTS = [MOVED, 'globex', 'initech'];
const REFRESH_MS = 500;
const STALE_MS = 3 * REFRESH_MS;
const ROUND_MS = 3_500;
const PER_SECOND = 40;
const MOST_START_MS = 10_000;

const GOOD = tellFlags([flag('chat-new', onFor(MOVED)), flag('ai-engine', onFor(MOVED))]);
const CHANGED = tellFlags([flag('chat-new', onFor('globex')), flag('ai-engine', onFor(MOVED))]);

/** What a flag service can do on a bad day. */
const DAYS: Readonly<Record<string, FlagAnswer | 'gone'>> = {
  gone: 'gone',
  'takes connections and says nothing': () => undefined,
  'refuses our token (401)': refuse(401),
  'fails (500)': refuse(500),
  'has lost its flags': tellFlags([]),
  'tells nonsense': tellAs('"nonsense"', '{"version":2,"features":[{"name":7}]}'),
  'breaks off': (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': '999' });
    res.write('{"version":2,"fea');
    setTimeout(() => res.destroy(), 50);
  },
};

export const drill: Drill = {
  story: `Chat and the AI engine are at stage canary, and a flag service says that ${MOVED} is on the new side. Then the flag service goes wrong in
${Object.keys(DAYS).length} ways, for ${ROUND_MS / 1000} s each. Expected: everybody stays where they are; it is told within seconds; an operator can force legacy
all the same; a gateway that starts meanwhile has legacy answer; when the flag service is back, its word counts.`,
  run: (say) => runWithFlags(say),
};

type FlagService = Readonly<{ go(day: FlagAnswer | 'gone'): Promise<void>; close(): Promise<void> }>;

/** Keeps its port while it is gone. */
async function openService(port: number): Promise<FlagService> {
  let server = await openFlagServer(GOOD, port);
  let isGone = false;
  return {
    async go(day) {
      if (isGone && day !== 'gone') server = await openFlagServer(day, port);
      else if (day === 'gone') await server.close();
      else server.answer(day);
      isGone = day === 'gone';
    },
    close: async () => {
      if (!isGone) await server.close();
    },
  };
}

async function runWithFlags(say: (line: string) => void): Promise<readonly Line[]> {
  const port = await freePort();
  const service = await openService(port);
  const table = makeTable((draft) => {
    setStage(draft, ['chat', 'ai'], 'canary');
    delete draft.flags;
  });
  const env = {
    UNLEASH_URL: `http://127.0.0.1:${port}/api`,
    UNLEASH_API_TOKEN: 'drill',
    UNLEASH_REFRESH_MS: String(REFRESH_MS),
  };
  try {
    return await onStack({ table, env }, (stack) => run(stack, service, say));
  } finally {
    await service.close();
  }
}

async function run(
  stack: Stack,
  service: FlagService,
  say: (line: string) => void,
): Promise<readonly Line[]> {
  await wait(2 * REFRESH_MS);
  const calm = await ask(stack, 'calm');
  const lines: Line[] = [holdNone('calm: on another side than the flag says', calm, isElsewhere)];
  for (const [name, day] of Object.entries(DAYS)) {
    await service.go(day);
    const ends = await ask(stack, name);
    const health = await readHealth(stack);
    say(`${name}: ${ends.filter(isElsewhere).length} of ${ends.length} moved; readyz says: ${health.flags}`);
    lines.push(holdNone(`${name}: moved or failed`, ends, isElsewhere), judgeHealth(health));
    await service.go(GOOD);
    await until(
      async () => (await readHealth(stack)).flags.includes('ready'),
      'the flags to be ready',
      10_000,
    );
  }
  await service.go('gone');
  await wait(STALE_MS + REFRESH_MS);
  lines.push(...(await forceLegacy(stack)), ...(await startAnew(stack)));
  return [...lines, ...(await comeBack(stack, service))];
}

const isMoved = ({ tenant, target }: End) => tenant === MOVED && /chat|ai/.test(target);
const isElsewhere = (end: End) => !isGood(end) || end.side !== (isMoved(end) ? 'new' : 'legacy');
const isOnLegacy = (end: End) => isGood(end) && end.side === 'legacy';

async function ask(stack: Stack, seed: string, ms = ROUND_MS): Promise<readonly End[]> {
  const shots = TENANTS.flatMap((tenant) =>
    ['/api/chat/channels/', '/api/ai/jobs/', '/api/files/'].map((target) => stack.shot(tenant, target)),
  );
  return (await stack.ask({ perSecond: PER_SECOND, ms, seed, shots })).ends;
}

type Health = Readonly<{ ready: boolean; flags: string }>;

async function readHealth(stack: Stack): Promise<Health> {
  const { ready, parts } = (await (await stack.admin('GET', '/readyz')).json()) as {
    ready: boolean;
    parts: { flags: { detail: string } };
  };
  return { ready, flags: parts.flags.detail };
}

function judgeHealth({ ready, flags }: Health): Line {
  return hold(
    '',
    'ready, and says that flags are stale',
    `${ready ? 'ready' : 'not ready'}: ${flags}`,
    ready && flags.includes('stale'),
  );
}

const runFile = promisify(execFile);

async function banyan(stack: Stack, ...argv: readonly string[]): Promise<string> {
  const env = { ...process.env, BANYAN_ADMIN_URL: stack.adminUrl, BANYAN_ADMIN_TOKEN: ADMIN_TOKEN };
  const { stdout } = await runFile(process.execPath, ['bin/banyan.mjs', ...argv], { env });
  return stdout.trim();
}

async function forceLegacy(stack: Stack): Promise<readonly Line[]> {
  await banyan(stack, 'flip', 'chat', 'legacy', '--force-legacy', '--reason', 'drill');
  const forced = await ask(stack, 'forced', 1_000);
  await banyan(stack, 'undo');
  const released = await ask(stack, 'released', 1_000);
  const isChat = ({ target }: End) => target.includes('chat');
  return [
    holdNone(
      'gone, banyan flip chat legacy --force-legacy: chat elsewhere',
      forced.filter(isChat),
      (end) => !isOnLegacy(end),
    ),
    holdNone(
      'and everything else moved',
      forced.filter((end) => !isChat(end)),
      isElsewhere,
    ),
    holdNone('gone, banyan undo: moved', released, isElsewhere),
  ];
}

/** A gateway that starts while the flag service is gone knows no flag. */
async function startAnew(stack: Stack): Promise<readonly Line[]> {
  stack.gateway.kill();
  await stack.gateway.gone;
  const beganMs = performance.now();
  await stack.startGateway();
  await until(async () => (await readHealth(stack)).ready, 'the gateway to be ready', 20_000);
  const tookMs = performance.now() - beganMs;
  const ends = await ask(stack, 'cold', 2_000);
  const { flags } = await readHealth(stack);
  return [
    hold(
      'gone, gateway started: ready',
      `within ${MOST_START_MS / 1000} s, process start included`,
      showMs(tookMs),
      tookMs <= MOST_START_MS,
    ),
    holdNone('and answered by anybody but legacy', ends, (end) => !isOnLegacy(end)),
    tell('and readyz says', flags),
  ];
}

async function comeBack(stack: Stack, service: FlagService): Promise<readonly Line[]> {
  await service.go(CHANGED);
  const beganMs = performance.now();
  const isNew = async () => {
    const shots = [stack.shot('globex', '/api/chat/channels/')];
    const { ends } = await stack.ask({ perSecond: 20, ms: 100, seed: 'back', shots }, 'back');
    return ends.every(({ side }) => side === 'new');
  };
  await until(isNew, 'the flag service’s word to count', 30_000);
  const tookMs = performance.now() - beganMs;
  const most = STALE_MS + 2 * REFRESH_MS;
  return [hold('back with other flags: in force', `within ${most / 1000} s`, showMs(tookMs), tookMs <= most)];
}
