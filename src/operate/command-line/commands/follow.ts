import { type Command, Option } from 'commander';
import { readBytes, readWholeNumber } from '../arguments.ts';
import { type Bench, type FollowLimits, type FollowPrepared, makeCommand, printJson } from '../command.ts';
import { openFollowTelling } from '../follow-telling.ts';
import type { Terminal } from '../terminal.ts';

type Typed = Readonly<{
  json?: boolean;
  atOnce?: number;
  maxRowsPerSecond?: number;
  maxUnread?: number;
  maxAtWork?: number;
}>;

export function followCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand(
    'follow',
    "Copy legacy's tenants that the new store does not have yet, and let it follow their rows from there on. Run as the owner of its tables " +
      '(DATABASE_OWNER_URL, LEGACY_DATABASE_URL, FOLLOW_SLOT); the gateway then goes on by itself. Interrupted, the same command goes on.',
    'FOLLOW_SLOT=banyan banyan follow\nbanyan follow --at-once 8 --max-rows-per-second 20000',
  )
    .addOption(
      new Option('--at-once <tenants>', 'so many tenants at the same time (3)').argParser(
        readWholeNumber(1, 64),
      ),
    )
    .addOption(
      new Option('--max-rows-per-second <rows>', 'no faster than this (as fast as it goes)').argParser(
        readWholeNumber(1, 1_000_000_000),
      ),
    )
    .addOption(
      new Option(
        '--max-unread <bytes>',
        "rest while the follower has more of legacy's log still to read, for example 512MB (256MB)",
      ).argParser(readBytes),
    )
    .addOption(
      new Option(
        '--max-at-work <connections>',
        "rest while more of legacy's connections are at work (32)",
      ).argParser(readWholeNumber(1, 10_000)),
    )
    .action(async (typed: Typed) => {
      const telling = openFollowTelling(terminal, typed.json ? 'silent' : 'told');
      const prepared = await parts.follow(readLimits(typed), telling).finally(telling.close);
      if (typed.json) printJson(terminal, prepared);
      else printPrepared(terminal, prepared);
      finish(prepared.failed.length > 0 || prepared.ended === 'stopped' ? 1 : 0);
    });
}

const readLimits = ({ atOnce, maxRowsPerSecond, maxUnread, maxAtWork }: Typed): FollowLimits => ({
  ...(atOnce !== undefined && { atOnce }),
  ...(maxRowsPerSecond !== undefined && { rowsPerSecond: maxRowsPerSecond }),
  ...(maxUnread !== undefined && { unreadBytes: maxUnread }),
  ...(maxAtWork !== undefined && { atWork: maxAtWork }),
});

function printPrepared({ out, err, screen }: Terminal, prepared: FollowPrepared): void {
  const { tenants, rows, slot, failed, ended, notFollowed } = prepared;
  out(
    `${tenants} tenants (${rows} rows) were copied and follow legacy from now on, by a slot that was ${slot}.\n`,
  );
  if (ended === 'stopped') out('Stopped. The same command goes on with the rest.\n');
  // In a pipe each has had its line.
  if (screen) for (const { tenant, detail } of failed) out(`failed  ${tenant}: ${detail}\n`);
  if (failed.length > 0) err(`${failed.length} could not be copied. Mend them, then run this again.\n`);
  if (notFollowed.length > 0)
    out(`Not followed, because they were copied before without following: ${notFollowed.join(', ')}.\n`);
}
