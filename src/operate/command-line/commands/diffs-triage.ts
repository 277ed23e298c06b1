import type { Command } from 'commander';
import type { GroupJson } from '../../admin/diff-shapes.ts';
import { openAdminClient } from '../admin-client.ts';
import { readExpiry } from '../arguments.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { describeState } from '../group-state.ts';

type Typed = Readonly<{ json?: boolean; reason?: string; until?: Date; owner?: string; author: string }>;
type State = 'accepted' | 'bug' | 'noise' | 'open';

export function acceptCommand(bench: Bench): Command {
  return makeTriageCommand(bench, {
    name: 'accept',
    state: 'accepted',
    description: 'Say that the sides may differ there, why, and until when. Until then it does not count.',
    example: 'banyan diffs accept 3f9a1c7e04b2 --reason "times without microseconds" --until 30d',
  })
    .requiredOption('--reason <sentence>', 'why they may differ')
    .requiredOption('--until <when>', 'a span such as 30d, or a date; at most 180 days', (typed) =>
      readExpiry(typed),
    );
}

export function bugCommand(bench: Bench): Command {
  return makeTriageCommand(bench, {
    name: 'bug',
    state: 'bug',
    description: 'Say that it is a bug of the new side. It goes on counting.',
    example: 'banyan diffs bug 3f9a1c7e04b2 --owner grace --reason "time zone lost"',
  }).option('--reason <sentence>', 'what is wrong');
}

export function noiseCommand(bench: Bench): Command {
  return makeTriageCommand(bench, {
    name: 'noise',
    state: 'noise',
    description: 'Say that the difference means nothing. It never counts.',
    example: 'banyan diffs noise 3f9a1c7e04b2 --reason "a random sample of tips"',
  }).option('--reason <sentence>', 'why it means nothing');
}

export function reopenCommand(bench: Bench): Command {
  return makeTriageCommand(bench, {
    name: 'reopen',
    state: 'open',
    description: 'Take back what was said of a group. It counts again.',
    example: 'banyan diffs reopen 3f9a1c7e04b2',
  }).option('--reason <sentence>', 'why');
}

type Wish = Readonly<{ name: string; state: State; description: string; example: string }>;

function makeTriageCommand({ terminal, finish }: Bench, wish: Wish): Command {
  return makeCommand(wish.name, wish.description, wish.example)
    .argument('<group>', 'the id that `banyan diffs` shows')
    .option('--owner <name>', 'who sees to it; without it the author')
    .option('--author <name>', 'who says so, for the audit log', terminal.userName)
    .action(async (id: string, typed: Typed, command: Command) => {
      const { reason, until, owner, author } = typed;
      const body = { state: wish.state, author, owner, reason, until: until?.toISOString() };
      const path = `/api/diffs/${encodeURIComponent(id)}/triage`;
      const group = await openAdminClient(terminal).post<GroupJson>(path, body);
      if (isJson(typed, command)) printJson(terminal, group);
      else terminal.out(`Group ${group.id} of ${group.route} is ${describeTriage(group)}.\n`);
      finish(0);
    });
}

function describeTriage(group: GroupJson): string {
  const state = group.triage.state === 'bug' ? 'a bug' : describeState(group);
  return `${state}, ${group.counts ? 'and counts' : 'and does not count'}`;
}
