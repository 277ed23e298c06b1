import type { Command } from 'commander';
import type { Stage, TenantName } from '../../../vocabulary/index.ts';
import type { FlipJson } from '../../admin/wire.ts';
import { suggestName } from '../../nearest-name.ts';
import { openAdminClient } from '../admin-client.ts';
import { collectTenants, readPercent, readStage } from '../arguments.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { type Colour, openPaint } from '../paint.ts';

type Typed = Readonly<{
  json?: boolean;
  percent?: number;
  tenant?: readonly TenantName[];
  forceLegacy?: boolean;
  release?: boolean;
  takeBack?: boolean;
  reason?: string;
  author?: string;
  expect?: string;
  dryRun?: boolean;
}>;

type Flipped = Readonly<{
  changed: boolean;
  revision: string;
  story: readonly string[];
  flip: FlipJson | null;
}>;
type Preview = Omit<Flipped, 'flip'> &
  Readonly<{ outcomes: readonly Readonly<{ route: string; outcome: string }>[]; diff: readonly string[] }>;

export function flipCommand(bench: Bench): Command {
  return makeCommand(
    'flip',
    'Change the stage of a route or of a whole feature: for everybody, for a share of the tenants, or for some of them.',
    'banyan flip ai canary --percent 10 --tenant acme --reason "first tenant on the new engine"\nbanyan flip ai legacy --tenant acme --reason "acme saw odd answers"\nbanyan flip ai legacy --force-legacy --reason "wrong totals, and the flag service is down"',
  )
    .argument('<subject>', 'a route id or a feature')
    .argument('[stage]', 'legacy, shadow, canary, new or retired', readStage)
    .option('--percent <percent>', 'share of the tenants, 0 to 100 in steps of 0.01', readPercent)
    .option('--tenant <tenants...>', 'only these tenants go to the stage', collectTenants)
    .option(
      '--force-legacy',
      'legacy answers everybody at once, whatever stage, flag and testers say; these stay as they are',
    )
    .option('--release', 'end a forced legacy')
    .option('--take-back', 'also take back routes that are retired')
    .option('--reason <sentence>', 'why, for the audit log')
    .option('--author <name>', 'who, for the audit log', bench.terminal.userName)
    .option('--expect <revision>', 'refuse if the table is no longer this revision')
    .option('--dry-run', 'say what would change, and change nothing')
    .action((subject: string, stage: Stage | undefined, typed: Typed, command: Command) => {
      const slip = findSlip(stage, typed);
      if (slip) command.error(`error: ${slip}`, { exitCode: 2 });
      if (!typed.reason?.trim() && !typed.dryRun)
        command.error('error: a flip needs a reason, for the audit log: --reason "why"', { exitCode: 2 });
      return flip(bench, subject, stage, typed);
    });
}

/** What of the words typed cannot go together. */
function findSlip(stage: Stage | undefined, typed: Typed): string | undefined {
  const { forceLegacy, release, percent, tenant, takeBack } = typed;
  if (!forceLegacy) return stage || release ? undefined : 'a flip needs a stage, for example canary';
  if (release) return '--force-legacy and --release are opposites: type one of them';
  if (stage && stage !== 'legacy') return `--force-legacy goes with legacy, not with ${stage}`;
  if (percent === undefined && tenant === undefined && !takeBack) return undefined;
  return '--force-legacy concerns everybody at once: leave out --percent, --tenant and --take-back';
}

async function flip(
  { terminal, finish }: Bench,
  subject: string,
  stage: Stage | undefined,
  typed: Typed,
): Promise<void> {
  const { percent, tenant, forceLegacy, release, takeBack, reason, author, expect, dryRun } = typed;
  const body = {
    subject,
    // What is forced keeps its stage, and has it again when that is over.
    ...(forceLegacy ? { force: 'legacy' } : { stage }),
    ...(release ? { force: null } : {}),
    percent,
    move: tenant,
    ...(takeBack ? { take_back_retired: true } : {}),
    ...(dryRun ? { dry_run: true } : { reason, author }),
    expected: expect,
  };
  const answer = await openAdminClient(terminal).post<Flipped & Preview>('/api/flips', body);
  if (typed.json) printJson(terminal, answer);
  else if (dryRun) printPreview(terminal, answer);
  else printFlipped(terminal, answer);
  await warnOfStrangers(terminal, tenant ?? []);
  finish(0);
}

/** A flip may name a tenant before the new store knows it, but mostly it is a typing error. */
async function warnOfStrangers(terminal: Bench['terminal'], named: readonly TenantName[]): Promise<void> {
  if (named.length === 0) return;
  const { tenants } = await openAdminClient(terminal).get<{ tenants: readonly { name: string }[] }>(
    '/api/tenants',
  );
  const known = tenants.map(({ name }) => name);
  for (const name of named) {
    if (!known.includes(name))
      terminal.err(
        `The new store knows no tenant "${name}": legacy goes on answering it.${suggestName(name, known)}\n`,
      );
  }
}

function printFlipped(terminal: Bench['terminal'], { story, flip, revision }: Flipped): void {
  for (const sentence of story) terminal.out(`${sentence}\n`);
  const paint = openPaint(terminal);
  if (flip)
    terminal.out(
      paint('dim', `Flip ${flip.id} is in force as revision ${revision}. Take it back: banyan undo\n`),
    );
  else terminal.out(`Nothing to do: it is so already (revision ${revision}).\n`);
}

function printPreview(terminal: Bench['terminal'], { story, outcomes, diff, changed }: Preview): void {
  const paint = openPaint(terminal);
  if (!changed) terminal.out('Nothing would change: it is so already.\n');
  for (const sentence of story) terminal.out(`${sentence}\n`);
  if (changed) for (const line of groupOutcomes(outcomes)) terminal.out(`${line}\n`);
  for (const line of diff) terminal.out(`${paint(colourOfLine(line), line)}\n`);
}

/** Routes with the same outcome share a line. */
function groupOutcomes(outcomes: Preview['outcomes']): readonly string[] {
  const groups = Map.groupBy(outcomes, ({ outcome }) => outcome);
  return [...groups].map(([outcome, group]) => `${group.map(({ route }) => route).join(', ')}: ${outcome}`);
}

function colourOfLine(line: string): Colour {
  return line.startsWith('+') ? 'green' : 'red';
}

export function undoCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'undo',
    'Take back the newest flip that still stands. Again: the one before it.',
    'banyan undo --reason "answers look odd"',
  )
    .option('--reason <sentence>', 'why, for the audit log')
    .option('--author <name>', 'who, for the audit log', terminal.userName)
    .option('--expect <revision>', 'refuse if the table is no longer this revision')
    .action(async ({ json, reason, author, expect }: Typed) => {
      const body = { author, reason, expected: expect };
      const answer = await openAdminClient(terminal).post<Flipped>('/api/flips/undo', body);
      if (json) printJson(terminal, answer);
      else printUndone(terminal, answer);
      finish(0);
    });
}

function printUndone(terminal: Bench['terminal'], { story, flip, revision }: Flipped): void {
  for (const sentence of story) terminal.out(`${sentence}\n`);
  terminal.out(
    openPaint(terminal)('dim', `Flip ${flip?.undoes} is taken back; revision ${revision} is in force.\n`),
  );
}
