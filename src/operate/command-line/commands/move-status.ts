import { type Command, Option } from 'commander';
import type { TenantName } from '../../../vocabulary/index.ts';
import type { MoveJson, MovesJson, TenantMoveJson } from '../../admin/move-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { printMinute, printWhen } from '../ages.ts';
import { collectTenants } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { drawMove } from '../move-picture.ts';
import { watchMoves } from '../move-watch.ts';
import { type Colour, openPaint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';
import { printTable } from '../text-table.ts';

type Typed = Readonly<{ json?: boolean; tenant?: readonly TenantName[]; watch?: true }>;

export function moveStatusCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'status',
    "Say who owns each tenant's rows, what waits, how the last order ended, and what it would take to go back now.",
    'banyan move status ai --tenant acme',
  )
    .argument('[feature]', 'one move; without it all')
    .addOption(new Option('--tenant <tenants...>', 'only these tenants').argParser(collectTenants))
    .option('--watch', 'go on looking until all is as the table says: bars on a screen, lines in a pipe')
    .action(async (feature: string | undefined, typed: Typed, command: Command) => {
      if (typed.watch && typed.tenant)
        command.error('error: --watch shows whole moves, not single tenants', { exitCode: 2 });
      const client = openAdminClient(terminal);
      if (typed.watch) {
        const manner = isJson(typed, command) ? 'json' : 'told';
        await watchMoves(client, terminal, { feature, manner });
        return finish(0);
      }
      const query = feature === undefined ? '' : `?feature=${encodeURIComponent(feature)}`;
      const told = choose(await client.get<MovesJson>(`/api/moves${query}`), typed.tenant);
      if (isJson(typed, command)) printJson(terminal, told);
      else printMoves(terminal, told);
      finish(0);
    });
}

function choose(told: MovesJson, names: readonly string[] | undefined): MovesJson {
  if (names === undefined) return told;
  const moves = told.moves.map((move) => ({
    ...move,
    tenants: move.tenants.filter(({ tenant }) => names.includes(tenant)),
  }));
  return { ...told, moves, orders: told.orders.filter(({ tenant }) => names.includes(tenant ?? '')) };
}

function printMoves(terminal: Terminal, { moves }: MovesJson): void {
  if (moves.length === 0 && terminal.screen)
    terminal.out('Nothing is being moved. Begin: banyan move start FEATURE\n');
  for (const [at, move] of moves.entries()) {
    if (at > 0 && terminal.screen) terminal.out('\n');
    printMove(terminal, move);
  }
}

function printMove(terminal: Terminal, move: MoveJson): void {
  const { feature, state, tables, tenants, started_at, paused_why } = move;
  const ofNew = tenants.filter(({ owner }) => owner === 'new').length;
  if (!terminal.screen)
    terminal.out(
      `${['move', feature, state, started_at, tables.join(','), ofNew, tenants.length - ofNew, paused_why ?? '-'].join('\t')}\n`,
    );
  else {
    const paint = openPaint(terminal);
    const owners = `the new side owns ${ofNew} of ${tenants.length} tenants`;
    terminal.out(
      `${paint('bold', feature)}  ${state} since ${printMinute(started_at)}: ${tables.join(', ')}; ${owners}\n`,
    );
  }
  const lead = terminal.screen ? [] : ['tenant', feature];
  const isLong = terminal.screen !== undefined && tenants.length > MOST_ROWS;
  const shown = isLong ? tenants.filter(isNotable) : tenants;
  if (isLong) printGroups(terminal, move, shown.length);
  else if (terminal.screen && state === 'paused')
    terminal.out(`paused: ${paused_why ?? 'somebody did so.'}\n`);
  const rows = shown.map((one) => [...lead, ...listCells(terminal, one)]);
  if (rows.length > 0 || !isLong) printTable(terminal, HEADER, rows);
  printUnproven(terminal, move);
}

const HEADER = [
  'TENANT',
  'OWNER',
  'TABLE SAYS',
  'SINCE',
  'WAITING',
  'STRANGERS',
  'LAST ORDER',
  'PROVEN',
  'GOING BACK',
] as const;

/** Hundreds of tenants that are as they should be say nothing one by one. */
const MOST_ROWS = 60;

function printGroups(terminal: Terminal, move: MoveJson, notable: number): void {
  for (const line of drawMove(terminal, move, undefined)) terminal.out(`${line}\n`);
  const all = move.tenants.length;
  terminal.out(
    `${notable} of ${all} tenants need a look${notable > 0 ? ':' : '.'} A pipe shows all, --tenant T… single ones.\n`,
  );
}

function isNotable({ order, declared, owner, step, strangers, trouble, proof }: TenantMoveJson): boolean {
  const isRefused = order?.state === 'failed' && declared !== owner;
  const isDifferent = proof !== null && proof.state !== 'equal';
  const isUnderWay = step !== 'settled' || order?.state === 'running';
  return isUnderWay || isRefused || isDifferent || strangers > 0 || trouble !== null;
}

const COLOURS: Readonly<Record<TenantMoveJson['back']['kind'], Colour>> = {
  free: 'green',
  sync: 'yellow',
  loses: 'red',
  legacys: 'dim',
  over: 'magenta',
};

function listCells(terminal: Terminal, one: TenantMoveJson): readonly string[] {
  const { tenant, owner, step, declared, since, waiting, strangers, order, trouble, back } = one;
  const { screen } = terminal;
  const paint = openPaint(terminal);
  return [
    tenant,
    step === 'settled' ? owner : `${owner}, ${step}`,
    declared === owner ? declared : paint('yellow', declared),
    since === null ? '' : printWhen(terminal, since),
    waiting.lines === 0 ? '' : `${waiting.lines} for ${(waiting.oldest_ms / 1_000).toFixed(1)} s`,
    strangers === 0 ? '' : paint('red', String(strangers)),
    order === null ? '' : describeOrder(order, screen ? 'short' : 'whole'),
    describeProof(terminal, one),
    paint(COLOURS[back.kind], trouble === null ? back.sentence : `${back.sentence}: ${trouble}`),
  ];
}

const LOUD = {
  equal: ['green', ''],
  different: ['red', 'DIFFERENT '],
  failed: ['yellow', 'not proven '],
} as const satisfies Record<NonNullable<TenantMoveJson['proof']>['state'], readonly [Colour, string]>;

/** What was found different is said below, in a line of its own. */
function describeProof(terminal: Terminal, { proof }: TenantMoveJson): string {
  if (proof === null) return openPaint(terminal)('dim', 'never');
  const [colour, word] = LOUD[proof.state];
  const detail = terminal.screen || proof.state === 'equal' ? '' : `: ${proof.detail}`;
  return openPaint(terminal)(colour, `${word}${printWhen(terminal, proof.checked_at)}${detail}`);
}

function printUnproven(terminal: Terminal, { feature, tenants }: MoveJson): void {
  if (!terminal.screen) return;
  for (const { tenant, proof } of tenants)
    if (proof && proof.state !== 'equal')
      terminal.out(
        `${openPaint(terminal)(LOUD[proof.state][0], `${proof.state === 'different' ? 'Different' : 'Not proven'}: ${feature} of ${tenant}. ${proof.detail}`)}\n`,
      );
}

function describeOrder(
  { order, state, detail, held_ms }: NonNullable<TenantMoveJson['order']>,
  length: 'short' | 'whole',
): string {
  const held = held_ms === null ? '' : `, held ${Math.round(held_ms)} ms`;
  const why = detail !== null && (state === 'failed' || length === 'whole') ? `: ${detail}` : '';
  return `${order.replace('_', ' ')} ${state}${held}${why}`;
}
