import type { Command } from 'commander';
import type { GroupAnswerJson, SampleJson } from '../../admin/diff-shapes.ts';
import { type Line, layOut } from '../../diffs/side-by-side.ts';
import { REPLAY_WORDS } from '../../diffs/words.ts';
import { openAdminClient } from '../admin-client.ts';
import { printMinute, printWhen } from '../ages.ts';
import { readWholeNumber } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { describeState } from '../group-state.ts';
import { openPaint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';
import { printPairs, printTable } from '../text-table.ts';

type Typed = Readonly<{ json?: boolean; reveal?: boolean; limit: number }>;

export function showCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'show',
    'Show one group: what differs, since when, what was said of it, and its samples side by side.',
    'banyan diffs show 3f9a1c7e04b2',
  )
    .argument('<group>', 'the id that `banyan diffs` shows')
    .option('--limit <count>', 'how many samples, newest first', readWholeNumber(1, 50), 3)
    .option('--reveal', 'with their values: needs an unlock in force (banyan diffs unlock)')
    .action(async (id: string, typed: Typed, command: Command) => {
      const query = new URLSearchParams({ limit: String(typed.limit) });
      if (typed.reveal) query.set('reveal', 'true');
      const path = `/api/diffs/${encodeURIComponent(id)}?${query}`;
      const told = await openAdminClient(terminal).get<GroupAnswerJson>(path);
      if (isJson(typed, command)) printJson(terminal, told);
      else printGroup(terminal, told);
      finish(0);
    });
}

function printGroup(terminal: Terminal, told: GroupAnswerJson): void {
  const { triage, unlock } = told;
  const paint = openPaint(terminal);
  if (terminal.screen) terminal.out(`${paint('bold', told.story)}\n`);
  const seen = `${told.count} times, from ${printMinute(told.first)} to ${printMinute(told.last)}`;
  printPairs(terminal, [
    ...(terminal.screen ? [] : [['story', told.story] as const]),
    ['group', told.id],
    ['route', told.route],
    ['path', told.path],
    ['kind', `${told.kind}, ${told.types}`],
    ['seen', seen],
    ['state', paint(told.counts ? 'red' : 'dim', describeState(told))],
    ...(triage.reason === null ? [] : [['because', `${triage.reason} (${triage.owner})`] as const]),
    ...(unlock ? [['unlocked', `until ${printMinute(unlock.until)} by ${unlock.author}`] as const] : []),
  ]);
  for (const sample of told.kept_samples) printSample(terminal, sample, told.path);
  if (told.kept_samples.length === 0) terminal.err('No sample of it is kept.\n');
}

function printSample(terminal: Terminal, sample: SampleJson, path: string): void {
  const paint = openPaint(terminal);
  terminal.out('\n');
  printPairs(terminal, [
    ['request', `${sample.method} ${sample.path}`],
    ['sample', sample.id],
    ['tenant', sample.tenant],
    ['when', printWhen(terminal, sample.at)],
    ['request id', sample.request_id],
    ['replay', REPLAY_WORDS[sample.replay as keyof typeof REPLAY_WORDS] ?? sample.replay],
    ...(sample.effects.length > 0 ? [['effects', sample.effects.join(', ')] as const] : []),
  ]);
  const lines = listLines(sample, path);
  const rows = lines.map(({ depth, name, legacy, new: fresh, mark }) => {
    const place = `${mark === undefined ? ' ' : '!'} ${'  '.repeat(depth)}${name}`;
    // A blank, where there is nothing to say: a dash would be something.
    const cells = [place, legacy || ' ', fresh || ' '];
    return mark === 'here' ? cells.map((cell) => paint('red', cell)) : cells;
  });
  printTable(terminal, ['  PLACE', 'LEGACY', 'NEW'], rows);
  if (sample.values) printValues(terminal, sample.values);
}

function listLines({ skeletons, differences }: SampleJson, path: string): readonly Line[] {
  const texts = { legacy: JSON.stringify(skeletons.legacy), new: JSON.stringify(skeletons.new) };
  return layOut({ skeletons: texts, differences }, path);
}

function printValues(terminal: Terminal, values: NonNullable<SampleJson['values']>): void {
  if (terminal.screen) terminal.out('\n');
  printTable(
    terminal,
    ['PATH', 'LEGACY’S VALUE', 'THE NEW SIDE’S'],
    values.map(({ path, legacy, new: fresh }) => [path, legacy, fresh]),
  );
}
