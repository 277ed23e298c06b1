import type { Command } from 'commander';
import { SIDES } from '../../../vocabulary/index.ts';
import { type FlagJson, type RouteJson, type TableJson, toTableJson } from '../../admin/wire.ts';
import { openAdminClient } from '../admin-client.ts';
import { type Bench, makeCommand, printJson, readTableText, refuseMistakes } from '../command.ts';
import { colourOfStage, openPaint } from '../paint.ts';
import { printTable } from '../text-table.ts';

type Typed = Readonly<{ json?: boolean; file?: string }>;
type Shown = Pick<TableJson, 'routes' | 'features' | 'flags'> & Partial<TableJson>;

export function routesCommand(bench: Bench): Command {
  const { terminal, finish } = bench;
  return makeCommand('routes', 'List the routes: stage, flag and breaker of each.', 'banyan routes')
    .option('--file <file>', 'read this table instead of asking the gateway')
    .action(async ({ json, file }: Typed) => {
      const table = file === undefined ? await askGateway(bench) : await readFile(bench, file);
      if (json) printJson(terminal, table);
      else printRoutes(bench, table);
      finish(0);
    });
}

function askGateway({ terminal }: Bench): Promise<TableJson> {
  return openAdminClient(terminal).get<TableJson>('/api/routes');
}

async function readFile({ terminal, parts }: Bench, typed: string): Promise<Shown> {
  const { file, text } = await readTableText(terminal, typed);
  const read = await parts.texts.read(text);
  refuseMistakes(file, read);
  return toTableJson(read.table, []);
}

const HEADER = ['ROUTE', 'METHOD', 'PATH', 'FEATURE', 'STAGE', 'FLAG', 'BREAKER'] as const;

function printRoutes({ terminal }: Bench, { routes, flags, revision }: Shown): void {
  const paint = openPaint(terminal);
  const rows = routes.map((route) => [
    route.id,
    route.methods.join(','),
    route.path,
    route.feature ?? undefined,
    paint(colourOfStage(route.forced_by ? 'legacy' : route.stage), describeStage(route)),
    describeFlag(flags.find(({ name }) => name === route.flag)) ?? route.flag ?? undefined,
    describeBreakers(paint, route.breakers),
  ]);
  printTable(terminal, HEADER, rows);
  if (terminal.screen && revision)
    terminal.out(paint('dim', `revision ${revision}; all other paths: legacy\n`));
}

/** The states of both sides' breakers, as one word where there is nothing to tell. */
function describeBreakers(paint: ReturnType<typeof openPaint>, breakers: RouteJson['breakers']): string {
  const restless = SIDES.filter((side) => breakers[side] !== 'closed');
  if (restless.length === 0) return paint('dim', 'closed');
  return paint('red', restless.map((side) => `${side} ${breakers[side]}`).join(', '));
}

/** `canary, forced to legacy` */
function describeStage({ stage, forced_by: forcedBy }: RouteJson): string {
  return forcedBy === null ? stage : `${stage}, forced to legacy`;
}

/** `ai-engine 10 % +acme -globex` */
function describeFlag(flag: FlagJson | undefined): string | undefined {
  if (!flag) return undefined;
  const lists = [...flag.tenants.map((tenant) => `+${tenant}`), ...flag.except.map((tenant) => `-${tenant}`)];
  return [flag.name, `${flag.percent} %`, ...shorten(lists)].join(' ');
}

const MOST_NAMES = 6;

function shorten(names: readonly string[]): readonly string[] {
  return names.length <= MOST_NAMES
    ? names
    : [...names.slice(0, MOST_NAMES), `and ${names.length - MOST_NAMES} more`];
}
