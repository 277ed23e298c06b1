import { type Command, Option } from 'commander';
import type { TenantName } from '../../../vocabulary/index.ts';
import type { MoveDoneJson, OrderJson } from '../../admin/move-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { collectTenants } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { addLimitOptions, type TypedLimits, toLimitsJson } from '../move-limits.ts';
import { printSummary, tellOrders } from '../order-telling.ts';
import { openPaint } from '../paint.ts';
import type { Terminal } from '../terminal.ts';

type Typed = Readonly<{
  json?: boolean;
  tenant?: readonly TenantName[];
  all?: true;
  wait: boolean;
  dryRun?: true;
  reason?: string;
  author: string;
}> &
  TypedLimits;

type Kind = Readonly<{
  name: string;
  order: OrderJson['order'] | 'retry';
  description: string;
  example: string;
}>;

const KINDS: readonly Kind[] = [
  {
    name: 'hand-over',
    order: 'hand_over',
    description:
      'Let the new side own the rows of some tenants, or of all; the table is flipped first where it says something else. Waits until it is done.',
    example:
      'banyan move hand-over ai --tenant acme --reason "the first one"\nbanyan move hand-over ai --all --wave 20 --stop-after 1',
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
  {
    name: 'retry',
    order: 'retry',
    description:
      'Try again at once what was refused or failed, instead of after its pause. Who is named is tried while the move is paused, too. Waits until it is done.',
    example: 'banyan move retry ai --tenant acme',
  },
];

export function orderCommands(bench: Bench): readonly Command[] {
  return KINDS.map((kind) => orderCommand(bench, kind));
}

function orderCommand(bench: Bench, kind: Kind): Command {
  const command = makeCommand(kind.name, kind.description, kind.example)
    .argument('<feature>', 'a feature that is being moved')
    .addOption(new Option('--tenant <tenants...>', 'these tenants').argParser(collectTenants))
    .option('--all', 'all tenants')
    .option('--no-wait', 'order it, and do not wait until it is done')
    .option('--reason <sentence>', 'why, for the audit log')
    .option('--author <name>', 'who, for the audit log', bench.terminal.userName);
  if (kind.order === 'hand_over')
    addLimitOptions(command).option(
      '--dry-run',
      'do all of it but the switch: look, verify, hold the writes for a moment, verify again, let go',
    );
  return command.action((feature: string, typed: Typed, command: Command) => {
    if ((typed.tenant === undefined) === (typed.all === undefined))
      command.error('error: name tenants (--tenant), or say --all', { exitCode: 2 });
    if (toLimitsJson(typed) && (typed.tenant || typed.dryRun))
      command.error('error: waves are for hand-overs of --all; who is named goes at once', { exitCode: 2 });
    return order(bench, kind, feature, { ...typed, json: isJson(typed, command) });
  });
}

// Hundreds of tenants are ordered one by one.
const PATIENCE_MS = 60_000;

async function order(
  { terminal, finish }: Bench,
  kind: Kind,
  feature: string,
  { tenant: tenants, all, author, reason, wait, json, dryRun, ...limits }: Typed,
): Promise<void> {
  const client = openAdminClient(terminal, PATIENCE_MS);
  const what = dryRun ? ('rehearse' as const) : kind.order;
  const body = { order: what, feature, tenants, all, author, reason, limits: toLimitsJson(limits) };
  const done = await client.post<MoveDoneJson>('/api/moves', body);
  if (!json) printBegun(terminal, done);
  const orders = wait
    ? await tellOrders(client, terminal, done.orders, json ? 'silent' : 'told')
    : done.orders;
  if (json) printJson(terminal, { ...done, orders });
  else if (terminal.screen) printSummary(terminal, orders);
  finish(wait && orders.some(({ state }) => state !== 'done' && state !== 'withdrawn') ? 1 : 0);
}

function printBegun(terminal: Terminal, { story, flip, settled, orders }: MoveDoneJson): void {
  const { screen, out } = terminal;
  for (const sentence of story) out(screen ? `${sentence}\n` : `story\t${sentence}\n`);
  const note = flip && `Flip ${flip.id} is in force as revision ${flip.after}.`;
  if (note) out(screen ? `${openPaint(terminal)('dim', note)}\n` : `flip\t${flip.id}\t${flip.after}\n`);
  if (!screen) for (const name of settled) out(`settled\t${name}\n`);
  else if (orders.length === 0) out('Nothing to do: it is so already.\n');
}
