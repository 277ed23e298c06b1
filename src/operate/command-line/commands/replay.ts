import type { Command } from 'commander';
import { parseGroupId } from '../../../vocabulary/index.ts';
import type { ReplayedJson } from '../../admin/diff-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { readWholeNumber } from '../arguments.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { openPaint } from '../paint.ts';
import { CommandRefusal, type ExitCode, type Terminal } from '../terminal.ts';
import { printTable } from '../text-table.ts';

type Typed = Readonly<{ json?: boolean; limit: number; route?: string }>;

// Each sample is asked on both sides, one after the other where they are many.
const PATIENCE_MS = 300_000;

export function replayCommand(bench: Bench): Command {
  return makeCommand(
    'replay',
    'Run kept samples on both sides again: those of a group, the newest of a route, or one.',
    'banyan replay 3f9a1c7e04b2\nbanyan replay chat.messages --limit 50',
  )
    .argument('[what]', 'the id of a group or of a sample, or a route')
    .option('--route <route>', 'a route, also one that is named like an id')
    .option('--limit <count>', 'how many samples, newest first', readWholeNumber(1, 50), 20)
    .action((what: string | undefined, typed: Typed, command: Command) => {
      if ((what === undefined) === (typed.route === undefined))
        command.error('error: name a group, a sample or a route', { exitCode: 2 });
      return replay(bench, what, typed);
    });
}

async function replay({ terminal, finish }: Bench, what: string | undefined, typed: Typed): Promise<void> {
  const { results } = await openAdminClient(terminal, PATIENCE_MS).post<{
    results: readonly ReplayedJson[];
  }>('/api/replays', { ...nameSamples(what, typed), limit: typed.limit });
  if (results.length === 0) throw new CommandRefusal('No sample of it is kept, so nothing was run again.');
  if (typed.json) printJson(terminal, { results });
  else printResults(terminal, results);
  finish(judge(results));
}

function nameSamples(what: string | undefined, { route }: Typed): object {
  if (what === undefined) return { route };
  if (parseGroupId(what)) return { group: what };
  return SAMPLE_ID.test(what) ? { sample: what } : { route: what };
}

const SAMPLE_ID = /^[0-9a-f]{16}$/;

const count = (results: readonly ReplayedJson[], verdict: ReplayedJson['verdict']) =>
  results.filter((result) => result.verdict === verdict).length;

/** 1 if any still differs, and also if nothing could be compared: then nothing was shown. */
function judge(results: readonly ReplayedJson[]): ExitCode {
  return count(results, 'different') > 0 || count(results, 'same') === 0 ? 1 : 0;
}

const COLOURS = { same: 'green', different: 'red', not_compared: 'yellow' } as const;

function printResults(terminal: Terminal, results: readonly ReplayedJson[]): void {
  const paint = openPaint(terminal);
  const [same, different, not] = [
    count(results, 'same'),
    count(results, 'different'),
    count(results, 'not_compared'),
  ];
  const sentence = `${results.length} run again: ${same} alike, ${different} still different, ${not} not compared`;
  terminal.out(terminal.screen ? `${paint('bold', `${sentence}.`)}\n` : `verdict\t${sentence}\n`);
  const rows = results.map(({ sample, route, verdict, story }) => [
    ...(terminal.screen ? [] : ['sample']),
    sample,
    route,
    paint(COLOURS[verdict], story),
  ]);
  printTable(terminal, ['SAMPLE', 'ROUTE', 'NOW'], rows);
}
