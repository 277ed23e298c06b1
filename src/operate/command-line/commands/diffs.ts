import type { Command } from 'commander';
import type { GroupJson, OverviewJson, RouteDiffsJson } from '../../admin/diff-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { printWhen } from '../ages.ts';
import { readRate, readSince, readWholeNumber } from '../arguments.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { describeState } from '../group-state.ts';
import { type Colour, openPaint } from '../paint.ts';
import type { ExitCode, Terminal } from '../terminal.ts';
import { printTable } from '../text-table.ts';
import { exportCommand } from './diffs-export.ts';
import { showCommand } from './diffs-show.ts';
import { acceptCommand, bugCommand, noiseCommand, reopenCommand } from './diffs-triage.ts';
import { auditCommand, unlockCommand } from './diffs-unlock.ts';

type Typed = Readonly<{
  json?: boolean;
  route?: string;
  since: string;
  maxRate?: number;
  min?: number;
  html?: string;
}>;

export function diffsCommand(bench: Bench): Command {
  const command = makeCommand(
    'diffs',
    'Say how far the two sides agree: for each route in shadow the verdict, and the groups of differences.',
    'banyan diffs chat.messages --since 7d\nbanyan diffs --max-rate 0.1% --min 1000 --html report.html',
  )
    .enablePositionalOptions()
    .argument('[route]', 'one route; without it all that are in shadow or were compared')
    .option('--route <route>', 'the same, for a route that is named like a command below')
    .option('--since <when>', 'how far back: 30m, 1h, 7d, or a date or time', readSince, '24h')
    .option('--max-rate <percent>', 'exit 1 unless the upper bound keeps below, for example 0.1%', readRate)
    .option('--min <count>', 'how many comparisons a verdict takes', readWholeNumber(1, 1_000_000_000))
    .option('--html <file>', 'also write the report for QA to this file')
    .action((argument: string | undefined, typed: Typed, own: Command) => {
      if (argument !== undefined && typed.route !== undefined && argument !== typed.route)
        own.error('error: name the route once, as argument or by --route', { exitCode: 2 });
      return tellDiffs(bench, argument ?? typed.route, typed);
    });
  for (const make of SUBCOMMANDS) command.addCommand(make(bench));
  return command;
}

const SUBCOMMANDS = [
  showCommand,
  acceptCommand,
  bugCommand,
  noiseCommand,
  reopenCommand,
  unlockCommand,
  auditCommand,
  exportCommand,
] as const;

// A report reads the samples of many groups.
const PATIENCE_MS = 60_000;

async function tellDiffs(
  { terminal, finish }: Bench,
  route: string | undefined,
  typed: Typed,
): Promise<void> {
  const client = openAdminClient(terminal, PATIENCE_MS);
  const query = makeQuery(route, typed);
  const overview = await client.get<OverviewJson>(`/api/diffs?${query}`);
  const gate = judgeGate(overview, typed);
  if (typed.json) printJson(terminal, { ...overview, passed: gate?.passed ?? null });
  else printOverview(terminal, overview, gate);
  if (typed.html !== undefined) {
    await terminal.writeFile(typed.html, await client.getText(`/api/diffs/report.html?${query}`));
    terminal.err(`The report is in ${typed.html}.\n`);
  }
  finish(gate?.code ?? 0);
}

function makeQuery(route: string | undefined, { since, maxRate, min }: Typed): URLSearchParams {
  const query = new URLSearchParams({ since });
  if (route !== undefined) query.set('route', route);
  if (maxRate !== undefined) query.set('max_percent', String(maxRate));
  if (min !== undefined) query.set('min', String(min));
  return query;
}

type Gate = Readonly<{ passed: boolean; code: ExitCode; sentence: string }>;

/** For CI: undefined where no limit was asked for. No route at all is no proof either. */
function judgeGate({ routes }: OverviewJson, { maxRate }: Typed): Gate | undefined {
  if (maxRate === undefined) return undefined;
  const short = routes.filter(({ verdict }) => verdict.kind !== 'clean').map(({ route }) => route);
  if (routes.length === 0)
    return { passed: false, code: 1, sentence: 'falls short: no route is in shadow, nothing was compared' };
  if (short.length === 0)
    return {
      passed: true,
      code: 0,
      sentence: `good: not above ${maxRate} % on ${countRoutes(routes.length)}`,
    };
  const of = `${short.length} of ${countRoutes(routes.length)}`;
  return { passed: false, code: 1, sentence: `falls short of ${maxRate} % on ${of}: ${short.join(', ')}` };
}

const countRoutes = (count: number) => `${count} ${count === 1 ? 'route' : 'routes'}`;

function printOverview(terminal: Terminal, { routes }: OverviewJson, gate: Gate | undefined): void {
  const paint = openPaint(terminal);
  if (gate) {
    const sentence = terminal.screen ? capitalise(gate.sentence) : `verdict\t${gate.sentence}`;
    terminal.out(`${paint(gate.passed ? 'green' : 'red', sentence)}\n`);
  }
  if (routes.length === 0) terminal.err('No route is in shadow, and nothing was compared in this time.\n');
  for (const told of routes) printRoute(terminal, told);
  const groups = routes.flatMap((told) => told.groups);
  if (groups.length === 0) return;
  if (terminal.screen) terminal.out('\n');
  printGroups(terminal, groups);
  const more = routes.reduce((sum, told) => sum + told.more_groups, 0);
  if (more > 0) terminal.err(`${more} more groups are not listed: name one route.\n`);
  if (terminal.screen) terminal.out(paint('dim', '\nOne group with its samples: banyan diffs show GROUP\n'));
}

const COLOURS: Readonly<Record<RouteDiffsJson['verdict']['kind'], Colour>> = {
  clean: 'green',
  different: 'red',
  not_enough_data: 'yellow',
};

function printRoute(terminal: Terminal, { route, verdict }: RouteDiffsJson): void {
  const paint = openPaint(terminal);
  const { kind, compared, different, upper_bound_percent: bound, sentence } = verdict;
  if (terminal.screen) terminal.out(`${paint('bold', route)}  ${paint(COLOURS[kind], sentence)}\n`);
  else terminal.out(`${['route', route, kind, compared, different, bound, sentence].join('\t')}\n`);
}

const HEADER = ['GROUP', 'ROUTE', 'PATH', 'KIND', 'LEGACY → NEW', 'COUNT', 'LAST', 'STATE'] as const;

function printGroups(terminal: Terminal, groups: readonly GroupJson[]): void {
  const paint = openPaint(terminal);
  const rows = groups.map((group) => [
    ...(terminal.screen ? [] : ['group']),
    group.id,
    group.route,
    group.path,
    group.kind,
    group.types,
    String(group.count),
    printWhen(terminal, group.last),
    paint(group.counts ? 'red' : 'dim', describeState(group)),
  ]);
  printTable(terminal, HEADER, rows);
}

const capitalise = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
