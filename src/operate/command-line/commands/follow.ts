import type { Command } from 'commander';
import { type Bench, makeCommand, printJson } from '../command.ts';

export function followCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand(
    'follow',
    "Copy legacy's tenants that the new store does not have yet, and let it follow their rows from there on. Run once, as the owner of " +
      'its tables (DATABASE_OWNER_URL, LEGACY_DATABASE_URL, FOLLOW_SLOT); the gateway then goes on by itself.',
    'FOLLOW_SLOT=banyan banyan follow',
  ).action(async ({ json }: Readonly<{ json?: boolean }>) => {
    const isLive = !json && terminal.screen !== undefined;
    const prepared = await parts.follow(({ tenant, done, all }) => {
      if (isLive) terminal.err(`copied ${done} of ${all}: ${tenant}\n`);
    });
    if (json) printJson(terminal, prepared);
    else {
      terminal.out(
        `${prepared.tenants} tenants (${prepared.rows} rows) were copied and follow legacy from now on, by a slot that was ${prepared.slot}.\n`,
      );
      if (prepared.notFollowed.length > 0)
        terminal.out(
          `Not followed, because they were copied before without following: ${prepared.notFollowed.join(', ')}.\n`,
        );
    }
    finish(0);
  });
}
