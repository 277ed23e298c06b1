import { BADNESS, type Badness, DEADLY } from './badness.ts';
import { hold, type Line, tell } from './drill.ts';
import { addCounts, median, showCounts, showMs } from './figures.ts';
import { compareRows, findUnwritten } from './gone-bad-traffic.ts';
import { isOff, isOn, type Round } from './round.ts';
import type { Run } from './shadow-gone-bad.drill.ts';
import { judgeSpeed } from './speed.ts';

const MOST_RSS_GROWTH_MB = 128;
const MOST_LAG_MS = 50;
const MOST_CLOSE_MS = 6_000;

export async function drawTable(run: Run): Promise<readonly Line[]> {
  return [
    ...(await judgeAnswers(run)),
    ...judgeSpeed(run.rounds),
    ...judgeGateway(run),
    ...judgeCopies(run.rounds),
    // Who lets the loop turn may get by within a round.
    ...DEADLY.filter((kind) => kind !== 'churn' && run.rounds.some((round) => round.kind === kind)).map(
      (kind) => judgeDeaths(run.rounds, kind),
    ),
    ...judgeEnds(run),
  ];
}

async function judgeAnswers({ house, rounds }: Run): Promise<readonly Line[]> {
  const other = rounds.flatMap(({ load }) => load.other);
  const written = rounds.flatMap(({ load }) => load.written);
  const all = sum(rounds, ({ load }) => load.latenciesMs.length);
  const unwritten = await findUnwritten(house.direct, written);
  const unanswered = sum(rounds, ({ load, during }) => load.failed.length + during.unanswered);
  const rows = await compareRows(house.places);
  return [
    none('answers to reads in other bytes than legacy’s own', other.length, all - written.length, other[0]),
    none('answers to writes that legacy does not confirm', unwritten.length, written.length, unwritten[0]),
    none('requests without an answer', unanswered, all),
    none('rows that one side has and the other has not', rows.different, rows.rows),
  ];
}

function judgeGateway({ rounds }: Run): readonly Line[] {
  const most = Math.max(...rounds.map(({ during, after }) => Math.max(during.rssMb, after.rssMb)));
  const allowed = (rounds[0]?.during.rssMb ?? 0) + MOST_RSS_GROWTH_MB;
  const lags = (of: readonly Round[]) => of.map(({ during }) => during.lagP99Ms);
  const [on, off] = [lags(rounds.filter(isOn)), lags(rounds.filter(isOff))];
  const worst = Math.max(...on);
  const seen = `${showMs(worst)} at worst, median ${showMs(median(on))}; without mirroring ${showMs(median(off))}`;
  return [
    hold('the gateway’s memory', `at most ${allowed} MiB`, `${most} MiB`, most <= allowed),
    hold('its event loop, 99 % of turns', `late by at most ${MOST_LAG_MS} ms`, seen, worst <= MOST_LAG_MS),
  ];
}

function judgeCopies(rounds: readonly Round[]): readonly Line[] {
  const add = (kind: 'drops' | 'verdicts') =>
    addCounts(rounds.flatMap(({ during, after }) => [during[kind], after[kind]]));
  const copies = Object.values({ ...add('drops'), ...add('verdicts') }).reduce((all, one) => all + one, 0);
  // Below nothing: told twice.
  const lost = sum(rounds, ({ after }) => Math.abs(after.pending));
  return [
    none('copies without exactly one verdict or reason', lost, copies),
    tell('dropped', showCounts(add('drops'))),
    tell('verdicts', showCounts(add('verdicts'))),
  ];
}

function judgeDeaths(rounds: readonly Round[], kind: Badness): Line {
  const own = rounds.filter((round) => round.kind === kind);
  const deaths = own.map(({ during, after }) => [...during.deaths, ...after.deaths]);
  const [said = 'never'] = deaths.flat();
  const seen = `${deaths.flat().length} times: ${said.split(' It is started')[0]}`;
  return hold(`${BADNESS[kind]}: the process is replaced`, 'in each round', seen, deaths.every(isSome));
}

function judgeEnds({ rounds, recoveriesMs, closesMs, orphans }: Run): readonly Line[] {
  const bugs = rounds.at(-1)?.after.bugs ?? [];
  const isClosed = closesMs.every((ms) => ms <= MOST_CLOSE_MS);
  return [
    hold(
      'good handlers are found good',
      'each time',
      showS(recoveriesMs),
      recoveriesMs.every(Number.isFinite),
    ),
    hold('stopping the gateway', `within ${MOST_CLOSE_MS / 1000} s`, showS(closesMs), isClosed),
    none('processes left behind', orphans, closesMs.length),
    none('bugs told', bugs.length, rounds.length, bugs[0]),
  ];
}

function none(what: string, count: number, of: number, example = ''): Line {
  return hold(what, '0', `${count} of ${of} ${example}`.trim(), count === 0);
}

const isSome = (list: readonly unknown[]) => list.length > 0;
const showS = (times: readonly number[]) => times.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ');
const sum = (rounds: readonly Round[], count: (round: Round) => number) =>
  rounds.reduce((all, round) => all + count(round), 0);
