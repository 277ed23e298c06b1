import { Command } from 'commander';
import type { MoveDoneJson } from '../../admin/move-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { addLimitOptions, type TypedLimits, toLimitsJson } from '../move-limits.ts';
import { orderCommands } from './move-orders.ts';
import { movePlanCommand } from './move-plan.ts';
import { moveRetireCommand, WHOLE_PATIENCE_MS } from './move-retire.ts';
import { moveStatusCommand } from './move-status.ts';

type Typed = Readonly<{ json?: boolean; author: string; reason?: string }> & TypedLimits;

export function moveCommand(bench: Bench): Command {
  const group = new Command('move')
    .description("Move a feature's rows between the two sides, tenant by tenant, with a way back.")
    .addHelpText('after', '\nExample:\n  $ banyan move status ai')
    .addCommand(movePlanCommand(bench))
    .addCommand(startCommand(bench))
    .addCommand(moveStatusCommand(bench));
  for (const command of orderCommands(bench)) group.addCommand(command);
  return group
    .addCommand(pauseCommand(bench))
    .addCommand(resumeCommand(bench))
    .addCommand(limitsCommand(bench))
    .addCommand(moveRetireCommand(bench));
}

function startCommand(bench: Bench): Command {
  return addLimitOptions(
    makeWhole(
      bench,
      'start',
      "Begin to move a feature's rows: from now on each tenant has an owner, legacy at first.",
    ),
  );
}

function pauseCommand(bench: Bench): Command {
  return makeWhole(
    bench,
    'pause',
    'Carry out no more of what table and flags say. Owners stay, and rows go on being carried both ways.',
  ).option('--reason <sentence>', 'why, for those who look at it');
}

function resumeCommand(bench: Bench): Command {
  return addLimitOptions(makeWhole(bench, 'resume', 'Go on after a pause.'));
}

function limitsCommand(bench: Bench): Command {
  return addLimitOptions(
    makeWhole(bench, 'limits', 'Say or change in which waves many tenants are handed over, also meanwhile.'),
  );
}

type Whole = 'start' | 'pause' | 'resume' | 'limits';

function makeWhole(bench: Bench, order: Whole, description: string): Command {
  return makeCommand(order, description, `banyan move ${order} ai`)
    .argument('<feature>', 'a feature of the route table')
    .option('--author <name>', 'who, for the log', bench.terminal.userName)
    .action((feature: string, typed: Typed, command: Command) =>
      post(
        bench,
        { order, feature, author: typed.author, reason: typed.reason, limits: toLimitsJson(typed) },
        isJson(typed, command),
      ),
    );
}

async function post({ terminal, finish }: Bench, body: object, json: boolean): Promise<void> {
  const done = await openAdminClient(terminal, WHOLE_PATIENCE_MS).post<MoveDoneJson>('/api/moves', body);
  if (json) printJson(terminal, done);
  else for (const sentence of done.story) terminal.out(`${sentence}\n`);
  finish(done.unconfirmed.length > 0 ? 1 : 0);
}
