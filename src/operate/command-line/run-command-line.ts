import { Command, CommanderError } from 'commander';
import type { Bench, CommandLineParts } from './command.ts';
import { diffsCommand } from './commands/diffs.ts';
import { explainCommand } from './commands/explain.ts';
import { flipCommand, undoCommand } from './commands/flip.ts';
import { followCommand } from './commands/follow.ts';
import { keysCommand } from './commands/keys.ts';
import { leftCommand } from './commands/left.ts';
import { migrateCommand } from './commands/migrate.ts';
import { moveCommand } from './commands/move.ts';
import { replayCommand } from './commands/replay.ts';
import { routesCommand } from './commands/routes.ts';
import { demoCommand, serveCommand } from './commands/serve.ts';
import { tenantsCommand } from './commands/tenants.ts';
import { schemaCommand, validateCommand } from './commands/validate.ts';
import { CommandRefusal, type ExitCode, hasColour, type Terminal } from './terminal.ts';

const COMMANDS = [
  serveCommand,
  demoCommand,
  validateCommand,
  routesCommand,
  explainCommand,
  flipCommand,
  undoCommand,
  leftCommand,
  diffsCommand,
  replayCommand,
  keysCommand,
  migrateCommand,
  followCommand,
  moveCommand,
  tenantsCommand,
  schemaCommand,
] as const;

const WRONG_USAGE = 2;

/** Runs one command; answers its exit code. Expected failures become one sentence on stderr; bugs are thrown. */
export async function runCommandLine(
  argv: readonly string[],
  terminal: Terminal,
  parts: CommandLineParts,
): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = buildProgram({ terminal, parts, finish: (ended) => (code = ended) });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
    if (!(error instanceof CommandRefusal)) throw error;
    terminal.err(
      argv.includes('--json') ? `${JSON.stringify(error.json, undefined, 2)}\n` : `${error.message}\n`,
    );
    return 1;
  }
}

export function buildProgram(bench: Bench): Command {
  const program = new Command('banyan')
    .description(
      'Moves a monolith to new handlers, route by route and tenant by tenant, with a way back at every step.',
    )
    .version(bench.parts.version, '-v, --version')
    // What follows a command's name is that command's, also where the one above it has an option of the same name.
    .enablePositionalOptions()
    .addHelpText(
      'after',
      '\nSettings come from the environment: docs/settings.md. Exit codes: 0 done, 1 refused, 2 wrong usage.',
    );
  for (const make of COMMANDS) program.addCommand(make(bench));
  return setManners(program, bench.terminal);
}

/** Throws instead of ending the process, writes where the test or the process wants it, and points to the help. */
function setManners(command: Command, terminal: Terminal): Command {
  command.exitOverride().configureOutput({
    writeOut: terminal.out,
    writeErr: terminal.err,
    getOutHelpWidth: () => terminal.screen?.columns ?? 100,
    getErrHelpWidth: () => terminal.screen?.columns ?? 100,
    getOutHasColors: () => hasColour(terminal),
    getErrHasColors: () => hasColour(terminal),
  });
  command.showHelpAfterError(`See: ${pathOf(command)} --help`);
  for (const child of command.commands) setManners(child, terminal);
  return command;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
