import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { BADNESS, type Badness, DEADLY } from './badness.ts';
import { readMachine } from './cores.ts';
import type { Drill } from './drill.ts';
import { addCounts, percentile, showCounts, showMs } from './figures.ts';
import { buildHouse, type Cores, type GoneBadHouse } from './gone-bad-house.ts';
import { drawTable } from './gone-bad-table.ts';
import { listShots } from './gone-bad-traffic.ts';
import { isUndisturbed, MOST_STRANGERS, type Round } from './round.ts';
import type { LoadAnswer, Shot } from './shot.ts';

// Those whose process lives on share a gateway; each of the others has a fresh one, so that the pauses between deaths begin anew.
const GATEWAYS: readonly (readonly Badness[])[] = [
  // Handlers as they should be are what users live with: more rounds of them.
  ['good', 'hang', 'good', 'throw', 'good', 'flood', 'good', 'stuck'],
  ['churn'],
  ['crash'],
  ['heap'],
  ['buffers'],
  ['spin'],
  ['block'],
];
const REPEATS = 2;
const ROUND_MS = 6_000;
const WARM_MS = 1_500;
const PER_SECOND = 200;
const GOOD_VERDICTS = 20;
const PATIENCE_MS = 60_000;
/** A round that strangers have disturbed is measured again, so often at most. */
const ATTEMPTS = 4;
const LOOK_MS = 250;
const LOOKS = 120;

const SETTINGS = {
  MIRROR_KEY: randomBytes(32).toString('hex'),
  // Shorter and smaller than usual, so that a drill sees in seconds what otherwise takes minutes.
  MIRROR_TIMEOUT_MS: '1000',
  MIRROR_HEAP_MB: '256',
  MIRROR_QUEUE: '50',
};

/** What is known so far. */
export type Run = {
  readonly house: GoneBadHouse;
  readonly say: (line: string) => void;
  shots: readonly Shot[];
  readonly rounds: Round[];
  /** How long it took until good handlers were found good. */
  readonly recoveriesMs: number[];
  readonly closesMs: number[];
  orphans: number;
};

export const drill: Drill = {
  story: `Gateway, legacy, PostgreSQL, rehearsals and those who ask ${PER_SECOND} times a second: each in a process of its own. Every route is shadowed at 100 %, and the new handlers do the worst they can. Rounds of it and rounds without any mirroring take turns.`,
  run: async (say, argv) => {
    const wished = readKinds(argv);
    const house = await buildHouse(SETTINGS);
    const run: Run = { house, say, shots: [], rounds: [], recoveriesMs: [], closesMs: [], orphans: 0 };
    try {
      for (const kinds of chooseGateways(wished)) await runGateway(run, kinds);
      return await drawTable(run);
    } finally {
      await house.stop();
    }
  },
};

/** `npm run drill shadow-gone-bad -- good churn`: only these; all of them where none is named. */
function readKinds(argv: readonly string[]): readonly Badness[] {
  const unknown = argv.find((word) => !(word in BADNESS));
  if (unknown !== undefined)
    throw new Error(`"${unknown}" is no kind of handlers. There are: ${Object.keys(BADNESS).join(', ')}`);
  return argv.length === 0 ? (Object.keys(BADNESS) as Badness[]) : (argv as readonly Badness[]);
}

function chooseGateways(wished: readonly Badness[]): readonly (readonly Badness[])[] {
  const chosen = GATEWAYS.map((kinds) => kinds.filter((kind) => wished.includes(kind)));
  return chosen.filter((kinds) => kinds.length > 0);
}

async function runGateway(run: Run, kinds: readonly Badness[]): Promise<void> {
  const { house } = run;
  await house.useStage('legacy');
  await house.open();
  if (run.shots.length === 0) run.shots = await listShots(house.direct);
  await ask(run, WARM_MS);
  for (let repeat = 0; repeat < REPEATS; repeat += 1)
    for (const kind of kinds) {
      await measure(run, 'off');
      await measure(run, kind);
    }
  await measure(run, 'off');
  run.recoveriesMs.push(await recover(run));
  run.closesMs.push(await house.close());
  run.orphans += await house.countOrphans();
}

async function measure(run: Run, kind: Round['kind']): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    await untilCalm();
    const round = await measureOnce(run, kind);
    run.rounds.push(round);
    run.say(describe(round));
    if (isUndisturbed(round)) return;
  }
}

/** Nobody else has much to do on this machine, or has had for half a minute. */
async function untilCalm(): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    const { busyS } = readMachine();
    await wait(LOOK_MS);
    if ((readMachine().busyS - busyS) / (LOOK_MS / 1000) < MOST_STRANGERS) return;
  }
}

async function measureOnce(run: Run, kind: Round['kind']): Promise<Round> {
  const { house } = run;
  house.misbehave(kind === 'off' ? 'good' : kind);
  await house.useStage(kind === 'off' ? 'legacy' : 'shadow');
  await house.take();
  const before = house.readCores();
  const load = await ask(run, ROUND_MS);
  const cores = divide(house.readCores(), before);
  const during = await house.take();
  if (isDeadly(kind) && during.deaths.length === 0)
    await askUntil(run, async () => (await house.look()).deaths.length > 0);
  await settle(house);
  return { kind, load, cores, during, after: await house.take() };
}

const isDeadly = (kind: Round['kind']) => DEADLY.some((one) => one === kind);

/** Handlers are good again, and everything that was copied has its verdict. */
async function settle(house: GoneBadHouse): Promise<void> {
  house.misbehave('good');
  await house.useStage('legacy');
  await house.untilSeen(
    ({ isRehearsing, pending }) => isRehearsing && pending <= 0,
    'all verdicts',
    PATIENCE_MS,
  );
}

/** How many ms it takes, with good handlers, until enough exchanges were found the same. */
async function recover(run: Run): Promise<number> {
  const { house } = run;
  await house.useStage('shadow');
  await house.take();
  const tookMs = await askUntil(run, async () => ((await house.look()).verdicts.same ?? 0) >= GOOD_VERDICTS);
  await settle(house);
  return tookMs;
}

/** People go on asking until something is so; infinite where it never is. */
async function askUntil(run: Run, isSo: () => Promise<boolean>): Promise<number> {
  const beganMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - beganMs > PATIENCE_MS) return Number.POSITIVE_INFINITY;
    await ask(run, 500);
  }
  return performance.now() - beganMs;
}

let asked = 0;
function ask({ house, shots }: Run, ms: number): Promise<LoadAnswer> {
  asked += 1;
  return house.ask({ perSecond: PER_SECOND, ms, seed: `part ${asked}`, shots });
}

function divide(now: Cores, before: Cores): Cores {
  const used = Object.entries(now).map(([who, s]) => [
    who,
    (s - before[who as keyof Cores]) / (ROUND_MS / 1000),
  ]);
  return Object.fromEntries(used) as Cores;
}

function describe({ kind, load, during, after, cores }: Round): string {
  const speed = [0.5, 0.99, 1].map((share) => showMs(percentile(load.latenciesMs, share))).join(' / ');
  const who = Object.entries(cores).map(([name, used]) => `${name} ${used.toFixed(2)}`);
  const drops = showCounts(addCounts([during.drops, after.drops]));
  const verdicts = showCounts(addCounts([during.verdicts, after.verdicts]));
  const more = kind === 'off' ? '' : `; dropped: ${drops}; verdicts: ${verdicts}`;
  return `${kind.padEnd(8)} p50 / p99 / max ${speed}; cores: ${who.join(', ')}${more}`;
}
