import type { Command } from 'commander';
import { type Bench, makeCommand, printJson } from '../command.ts';

export function migrateCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand(
    'migrate',
    "Apply the new store's migrations, as the owner of its tables (DATABASE_OWNER_URL).",
    'DATABASE_OWNER_URL=postgresql://banyan_owner@db/banyan banyan migrate',
  ).action(async ({ json }: Readonly<{ json?: boolean }>) => {
    const applied = await parts.migrate();
    if (json) printJson(terminal, { applied });
    else if (applied.length === 0) terminal.out('Nothing to apply: the store is up to date.\n');
    else for (const name of applied) terminal.out(`applied ${name}\n`);
    finish(0);
  });
}
