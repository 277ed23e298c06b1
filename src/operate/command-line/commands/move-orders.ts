import { type Command, Option } from 'commander';
import type { TenantName } from '../../../vocabulary/index.ts';
import type { MoveDoneJson, MoveJson, OrderJson } from '../../admin/move-shapes.ts';
import { type AdminClient, openAdminClient } from '../admin-client.ts';
import { collectTenants } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { openLiveLines } from '../live-lines.ts';
import {
  describeHeld,
  drawProgress,
  type Lag,
  nameOrder,
  nameTenant,
  readLag,
  sumRows,
} from '../move-progress.ts';
import { hasEnded, watchOrders } from '../order-watch.ts';
import { openPaint } from '../paint.ts';
import { hasColour, type Terminal } from '../terminal.ts';

type Typed = Readonly<{
  json?: boolean;
  tenant?: readonly TenantName[];
  all?: true;
  wait: boolean;
  reason?: string;
  author: string;
}>;

type Kind = Readonly<{ name: string; order: OrderJson['order']; description: string; example: string }>;

const KINDS: readonly Kind[] = [
  {
    name: 'hand-over',
    order: 'hand_over',
    description:
      'Let the new side own the rows of some tenants, or of all; the table is flipped first where it says something else. Waits until it is done.',
    example: 'banyan move hand-over ai --tenant acme --reason "the first one"',
  },
  {
    name: 'hand-back',
    order: 'hand_back',
    description:
      'Let legacy own them again, with everything that was written meanwhile. Waits until it is done.',
    example: 'banyan move hand-back ai --tenant acme --reason "wrong totals"',
  },
  {
    name: 'verify',
    order: 'verify',
    description: 'Compare every row of some tenants, or of all, on both sides. Changes nothing.',
    example: 'banyan move verify ai --all',
  },
];

export function orderCommands(bench: Bench): readonly Command[] {
  return KINDS.map((kind) => orderCommand(bench, kind));
}

function orderCommand(bench: Bench, kind: Kind): Command {
  return makeCommand(kind.name, kind.description, kind.example)
    .argument('<feature>', 'a feature that is being moved')
    .addOption(new Option('--tenant <tenants...>', 'these tenants').argParser(collectTenants))
    .option('--all', 'all tenants')
    .option('--no-wait', 'order it, and do not wait until it is done')
    .option('--reason <sentence>', 'why, for the audit log')
    .option('--author <name>', 'who, for the audit log', bench.terminal.userName)
    .action((feature: string, typed: Typed, command: Command) => {
      if ((typed.tenant === undefined) === (typed.all === undefined))
        command.error('error: name tenants (--tenant), or say --all', { exitCode: 2 });
      return order(bench, kind, feature, { ...typed, json: isJson(typed, command) });
    });
}

async function order(
  { terminal, finish }: Bench,
  kind: Kind,
  feature: string,
  { tenant: tenants, all, author, reason, wait, json }: Typed,
): Promise<void> {
  const client = openAdminClient(terminal);
  const body = { order: kind.order, feature, tenants, all, author, reason };
  const done = await client.post<MoveDoneJson>('/api/moves', body);
  if (!json) printBegun(terminal, done);
  const orders = wait ? await follow(client, terminal, done.orders, json ? 'silent' : 'told') : done.orders;
  if (json) printJson(terminal, { ...done, orders });
  else if (terminal.screen) printSummary(terminal, orders);
  finish(orders.some(({ state }) => state === 'failed') ? 1 : 0);
}

function printBegun(terminal: Terminal, { story, flip, settled, orders }: MoveDoneJson): void {
  const { screen, out } = terminal;
  for (const sentence of story) out(screen ? `${sentence}\n` : `story\t${sentence}\n`);
  const note = flip && `Flip ${flip.id} is in force as revision ${flip.after}.`;
  if (note) out(screen ? `${openPaint(terminal)('dim', note)}\n` : `flip\t${flip.id}\t${flip.after}\n`);
  if (!screen) for (const name of settled) out(`settled\t${name}\n`);
  else if (orders.length === 0) out('Nothing to do: it is so already.\n');
}

const LAG_EVERY_MS = 1_000;
// The mover looks for orders many times a second.
const LONELY_MS = 10_000;

/** A table that lives on a screen, a line for each end in a pipe. */
async function follow(
  client: AdminClient,
  terminal: Terminal,
  begun: readonly OrderJson[],
  manner: 'told' | 'silent',
): Promise<readonly OrderJson[]> {
  const beganMs = performance.now();
  const isLive = manner === 'told' && isDrawable(terminal);
  const lines = openLiveLines(terminal);
  const printed = new Set<number>();
  const nextLag = openLagWatch(client, begun[0]?.feature);
  const warn = openLonelyWarning(terminal);
  const orders = await watchOrders(client, begun, async (now) => {
    const elapsedMs = performance.now() - beganMs;
    warn(now, elapsedMs);
    if (isLive && now.length > 0) lines.draw(drawProgress(terminal, now, elapsedMs, await nextLag()));
    if (manner === 'silent' || isLive) return;
    for (const one of now.filter((order) => hasEnded(order) && !printed.has(order.id))) {
      printed.add(one.id);
      printEnd(terminal, one);
    }
  });
  return orders;
}

/** A screen that can be drawn over. */
const isDrawable = (terminal: Terminal) => terminal.screen !== undefined && terminal.env.TERM !== 'dumb';

function openLagWatch(client: AdminClient, feature: string | undefined): () => Promise<Lag | undefined> {
  let lag: Lag | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (feature === undefined || performance.now() - askedMs < LAG_EVERY_MS) return lag;
    askedMs = performance.now();
    const { moves } = await client.get<{ moves: readonly MoveJson[] }>(
      `/api/moves?feature=${encodeURIComponent(feature)}`,
    );
    lag = moves[0] && readLag(moves[0]);
    return lag;
  };
}

/** Whoever waits for nobody should know. */
function openLonelyWarning({ err }: Terminal): (orders: readonly OrderJson[], elapsedMs: number) => void {
  let isTold = false;
  return (orders, elapsedMs) => {
    if (isTold || elapsedMs < LONELY_MS || orders.some(({ state }) => state !== 'waiting')) return;
    isTold = true;
    err(
      'No mover takes the orders: is there a gateway with FOLLOW_SLOT and LEGACY_DATABASE_URL? They go on waiting.\n',
    );
  };
}

function printEnd({ out, screen }: Terminal, order: OrderJson): void {
  const { state, detail, held_ms, rows } = order;
  if (screen) return out(`${nameTenant(order)}: ${state}. ${detail ?? ''}\n`);
  const cells = [
    state,
    nameTenant(order),
    order.order,
    held_ms?.toFixed(1) ?? '-',
    rows ?? '-',
    detail ?? '-',
  ];
  out(`${cells.join('\t')}\n`);
}

function printSummary(terminal: Terminal, orders: readonly OrderJson[]): void {
  const [first] = orders;
  const ended = orders.filter(hasEnded);
  if (!first || ended.length === 0) return;
  const paint = openPaint(terminal);
  const failed = ended.filter(({ state }) => state === 'failed');
  const held = describeHeld(orders);
  const done = ended.length - failed.length;
  const sentence =
    `${done} of ${orders.length} done: ${nameOrder(first.order)} ${first.feature}, ${sumRows(orders).toLocaleString('en')} rows equal on both sides` +
    `${held ? `, writes held ${held}` : ''}.`;
  terminal.out(`${paint(failed.length > 0 ? 'yellow' : 'green', sentence)}\n`);
  if (hasColour(terminal) && failed.length <= 5) return;
  for (const order of failed)
    terminal.out(`${paint('red', 'failed')}  ${nameTenant(order)}: ${order.detail ?? ''}\n`);
}
