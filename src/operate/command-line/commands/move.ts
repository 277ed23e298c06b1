import { Command } from 'commander';
import type { MoveDoneJson } from '../../admin/move-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { CommandRefusal } from '../terminal.ts';
import { orderCommands } from './move-orders.ts';
import { movePlanCommand } from './move-plan.ts';
import { moveStatusCommand } from './move-status.ts';

type Typed = Readonly<{ json?: boolean; author: string; reason?: string; yesRetire?: string }>;

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
    .addCommand(retireCommand(bench));
}

function startCommand(bench: Bench): Command {
  return makeWhole(
    bench,
    'start',
    "Begin to move a feature's rows: from now on each tenant has an owner, legacy at first.",
  );
}

function pauseCommand(bench: Bench): Command {
  return makeWhole(
    bench,
    'pause',
    'Carry out no more of what table and flags say. Owners stay, and rows go on being carried both ways.',
  );
}

function resumeCommand(bench: Bench): Command {
  return makeWhole(bench, 'resume', 'Go on after a pause.');
}

function makeWhole(bench: Bench, order: 'start' | 'pause' | 'resume', description: string): Command {
  return makeCommand(order, description, `banyan move ${order} ai`)
    .argument('<feature>', 'a feature of the route table')
    .option('--author <name>', 'who, for the log', bench.terminal.userName)
    .action((feature: string, typed: Typed, command: Command) =>
      post(bench, { order, feature, author: typed.author }, isJson(typed, command)),
    );
}

// It waits for every instance, and for what is on its way.
const PATIENCE_MS = 30_000;

async function post({ terminal, finish }: Bench, body: object, json: boolean): Promise<void> {
  const done = await openAdminClient(terminal, PATIENCE_MS).post<MoveDoneJson>('/api/moves', body);
  if (json) printJson(terminal, done);
  else for (const sentence of done.story) terminal.out(`${sentence}\n`);
  finish(done.unconfirmed.length > 0 ? 1 : 0);
}

function retireCommand(bench: Bench): Command {
  const { terminal } = bench;
  return makeCommand(
    'retire',
    "The point of no return: legacy's rows are no longer kept level. Asks for the feature's name.",
    'banyan move retire ai\nbanyan move retire ai --yes-retire ai',
  )
    .argument('<feature>', 'a feature whose tenants the new side owns, all of them')
    .option('--yes-retire <feature>', 'the name once more, where nobody can be asked')
    .option('--author <name>', 'who, for the log', terminal.userName)
    .option('--reason <sentence>', 'why, for the log')
    .action(async (feature: string, typed: Typed, command: Command) => {
      const { yesRetire, author, reason } = typed;
      if (yesRetire !== undefined && yesRetire !== feature)
        command.error(`error: --yes-retire says ${yesRetire}, and the command ${feature}`, { exitCode: 2 });
      const confirm = yesRetire ?? (await askForName(bench, feature));
      await post(bench, { order: 'retire', feature, author, reason, confirm }, isJson(typed, command));
    });
}

async function askForName({ terminal }: Bench, feature: string): Promise<string> {
  if (!terminal.ask)
    throw new CommandRefusal(
      `This is the point of no return, and there is nobody to ask. If it is meant: banyan move retire ${feature} --yes-retire ${feature}`,
    );
  terminal.err(
    `From now on legacy's rows of ${feature} would no longer be kept level, and nothing of it could be handed back. There is no way back from this.\n`,
  );
  const typed = await terminal.ask(`Type the feature's name to go on: `);
  if (typed.trim() === feature) return feature;
  throw new CommandRefusal(`That is not "${feature}". Nothing was changed.`);
}
