import type { Command } from 'commander';
import type { DiffAuditJson } from '../../admin/diff-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { printMinute, printWhen } from '../ages.ts';
import { readWholeNumber } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { printTable } from '../text-table.ts';

type Typed = Readonly<{ json?: boolean; reason: string; minutes: number; author: string; limit: number }>;

export function unlockCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'unlock',
    'Let the values of one group be looked at for some minutes. The audit log says who and why.',
    'banyan diffs unlock 3f9a1c7e04b2 --reason "which time zone is it?" --minutes 10',
  )
    .argument('<group>', 'the id that `banyan diffs` shows')
    .requiredOption('--reason <sentence>', 'why, for the audit log')
    .option('--minutes <count>', 'for how long, 1 to 60', readWholeNumber(1, 60), 10)
    .option('--author <name>', 'who, for the audit log', terminal.userName)
    .action(async (id: string, typed: Typed, command: Command) => {
      const { reason, minutes, author } = typed;
      const path = `/api/diffs/${encodeURIComponent(id)}/unlock`;
      const unlock = await openAdminClient(terminal).post<{ until: string }>(path, {
        author,
        reason,
        minutes,
      });
      if (isJson(typed, command)) printJson(terminal, unlock);
      else
        terminal.out(`Unlocked until ${printMinute(unlock.until)}. Look: banyan diffs show ${id} --reveal\n`);
      finish(0);
    });
}

const HEADER = ['WHEN', 'WHO', 'GROUP', 'WHAT', 'WHY'] as const;

export function auditCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'audit',
    'List who judged, unlocked or looked at what, and why; newest first.',
    'banyan diffs audit --limit 20',
  )
    .option('--limit <count>', 'how many lines', readWholeNumber(1, 500), 50)
    .action(async (typed: Typed, command: Command) => {
      const path = `/api/diffs/audit?limit=${typed.limit}`;
      const answer = await openAdminClient(terminal).get<{ audit: readonly DiffAuditJson[] }>(path);
      if (isJson(typed, command)) printJson(terminal, answer);
      else
        printTable(
          terminal,
          HEADER,
          answer.audit.map(({ at, author, group, change, reason }) => [
            printWhen(terminal, at),
            author,
            group,
            change,
            reason,
          ]),
        );
      finish(0);
    });
}
