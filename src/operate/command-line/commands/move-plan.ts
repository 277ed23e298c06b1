import { type Command, Option } from 'commander';
import type { DriftFinding, DriftReport, TableMapping } from '../../../move/index.ts';
import { joinMappings, type Mapping } from '../../../vocabulary/index.ts';
import { count } from '../../move/back.ts';
import { suggestName } from '../../nearest-name.ts';
import { readWholeNumber } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson, readTableText, refuseMistakes } from '../command.ts';
import { openPaint } from '../paint.ts';
import { CommandRefusal, type Terminal } from '../terminal.ts';

type Typed = Readonly<{
  json?: boolean;
  file?: string;
  leftOut?: readonly string[];
  measure?: number | true;
}>;

const MEASURE_S = 60;
const LONGEST_S = 86_400;

export function movePlanCommand(bench: Bench): Command {
  return makeCommand(
    'plan',
    "Compare every tenant's schema on legacy with the store's tables, before anything is moved: what maps to what, and what does not fit. " +
      'Changes nothing, and reads no row unless it is to measure. Wants LEGACY_DATABASE_URL and DATABASE_URL.',
    'banyan move plan ai',
  )
    .argument('[feature]', 'a feature of the route table; without it all that have tables')
    .option('--file <file>', 'the route table; without it BANYAN_CONFIG, or routes.config.yaml')
    .option(
      '--left-out <columns...>',
      'columns of legacy (table.column) that are not carried over, knowingly',
    )
    .addOption(
      new Option(
        '--measure [seconds]',
        `count rows that the store would not take, for so long at most; ${MEASURE_S} without a number`,
      ).argParser(readWholeNumber(1, LONGEST_S)),
    )
    .action((feature: string | undefined, typed: Typed, command: Command) =>
      plan(bench, feature, { ...typed, json: isJson(typed, command) }),
    );
}

async function plan(
  { terminal, parts, finish }: Bench,
  feature: string | undefined,
  typed: Typed,
): Promise<void> {
  const { features, mapping } = await readFeatures({ terminal, parts }, feature, typed.file);
  const report = await parts.drift.read(features, {
    leftOut: typed.leftOut ?? [],
    mapping,
    measureMs: chooseMs(typed.measure),
  });
  if (typed.json) printJson(terminal, report);
  else if (terminal.screen) printReport(terminal, report, parts.drift.describe(report));
  else printLines(terminal, report, parts.drift.describe(report)[0] ?? '');
  finish(report.findings.some(({ weight }) => weight === 'stops') ? 1 : 0);
}

const chooseMs = (typed: number | true | undefined): number | undefined =>
  typed === undefined ? undefined : 1_000 * (typed === true ? MEASURE_S : typed);

type Features = Readonly<Record<string, readonly string[]>>;

async function readFeatures(
  { terminal, parts }: Pick<Bench, 'terminal' | 'parts'>,
  feature: string | undefined,
  typedFile: string | undefined,
): Promise<Readonly<{ features: Features; mapping: Mapping }>> {
  const { file, text } = await readTableText(terminal, typedFile);
  const read = await parts.texts.read(text);
  refuseMistakes(file, read);
  const all = read.table.features.filter(({ tables }) => tables.length > 0);
  const chosen = all.filter(({ name }) => feature === undefined || name === feature);
  if (chosen.length === 0)
    throw new CommandRefusal(
      feature === undefined
        ? `${file} names no tables of any feature, so there are no rows to move.`
        : `${file} names no tables of a feature "${feature}".${suggestName(
            feature,
            all.map(({ name }) => name),
          )}`,
    );
  const features = Object.fromEntries(chosen.map(({ name, tables }) => [name, tables]));
  return { features, mapping: joinMappings(read.table.features) };
}

function printReport(terminal: Terminal, { mapping }: DriftReport, lines: readonly string[]): void {
  const paint = openPaint(terminal);
  for (const { feature, tables } of mapping) {
    terminal.out(`${paint('bold', feature)}\n`);
    for (const table of tables) terminal.out(`  ${describeTable(table)}\n`);
  }
  for (const line of lines) terminal.out(`${line.startsWith('stops') ? paint('red', line) : line}\n`);
}

function describeTable({ source, target, key, columns, added, refersTo }: TableMapping): string {
  const parents = refersTo.length > 0 ? `; refers to ${refersTo.join(', ')}` : '';
  return `${source} → ${target}: ${count(columns.length, 'column')} and ${added}, key ${key.join(', ')}${parents}`;
}

/** A finding a line, where a person sees those that are alike only once. */
function printLines({ out }: Terminal, { mapping, findings, measured }: DriftReport, verdict: string): void {
  out(`verdict\t${verdict}\n`);
  if (measured)
    out(`${['measured', measured.tenants, measured.rows, measured.ms, measured.left.length].join('\t')}\n`);
  for (const { feature, tables } of mapping)
    for (const { source, target, key, columns, refersTo } of tables)
      out(
        `${['table', feature, source, target, key.join(','), columns.length, refersTo.join(',') || '-'].join('\t')}\n`,
      );
  for (const finding of findings) out(`${listCells(finding).join('\t')}\n`);
}

const listCells = ({ weight, kind, tenant, schema, place, sentence }: DriftFinding) => [
  weight,
  kind,
  tenant?.name ?? '-',
  schema || '-',
  place || '-',
  sentence,
];
