import type { Command } from 'commander';
import type { TenantName } from '../../../vocabulary/index.ts';
import { readTenant } from '../arguments.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { openProgressLine, type ProgressLine, printCount } from '../progress-line.ts';
import type { CountedTenant, DeletedTenant, DeleteProgress } from '../tenant-parts.ts';
import { CommandRefusal } from '../terminal.ts';

type Typed = Readonly<{ json?: boolean; yesDelete?: string; unfollow?: boolean }>;

export function deleteCommand(bench: Bench): Command {
  return makeCommand(
    'delete',
    'Delete everything of one tenant from the new store. Asks for its name first. Export it before: there is no way back from here.',
    'banyan tenants delete acme\nbanyan tenants delete acme --yes-delete acme',
  )
    .argument('<tenant>', 'whose rows', readTenant)
    .option('--yes-delete <tenant>', 'the name again, where nobody can be asked')
    .option(
      '--unfollow',
      "end that the tenant follows legacy, or that the new side owns a feature; legacy's rows stay",
    )
    .action(async (tenant: TenantName, { json, yesDelete, unfollow }: Typed) => {
      await confirm(bench, tenant, yesDelete);
      const line = openProgressLine(bench.terminal);
      const deleted = await bench.parts.tenants
        .delete(tenant, {
          ifFollowed: unfollow ? 'unfollow' : 'refuse',
          onProgress: (progress) => show(bench, line, tenant, progress),
        })
        .finally(line.clear);
      if (json) printJson(bench.terminal, toJson(deleted));
      else bench.terminal.out(describeDeleted(deleted));
      bench.finish(0);
    });
}

/** By the name, typed a second time. */
async function confirm(
  { terminal, parts }: Bench,
  tenant: TenantName,
  typed: string | undefined,
): Promise<void> {
  if (typed === tenant) return;
  if (typed !== undefined)
    throw new CommandRefusal(
      `--yes-delete says "${typed}" and the command says ${tenant}. Nothing was deleted.`,
    );
  if (terminal.ask === undefined)
    throw new CommandRefusal(
      `Nobody can be asked here whether ${tenant} is meant. Say so: --yes-delete ${tenant}`,
    );
  const answer = await terminal.ask(describeQuestion(await parts.tenants.count(tenant)));
  if (answer.trim() !== tenant) throw new CommandRefusal('That is not its name. Nothing was deleted.');
}

function describeQuestion({ id, name, tables }: CountedTenant): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${name} (number ${id}) has ${printCount(rows)} rows in ${tables.length} tables. There is no way back but an export.\nType its name to delete them: `;
}

function show({ terminal }: Bench, line: ProgressLine, tenant: TenantName, progress: DeleteProgress): void {
  if (progress.kind === 'deleted')
    line.show(`${tenant}: ${progress.table}, ${printCount(progress.rows)} rows gone`);
  else
    terminal.err(
      `Waiting ${Math.ceil(progress.ms / 1_000)} s, until no gateway knows ${tenant} any more. Its rows are still there.\n`,
    );
}

const toJson = ({ tenant, rows, tables, keysRevoked }: DeletedTenant) => ({
  tenant,
  rows,
  tables,
  keys_revoked: keysRevoked,
});

function describeDeleted({ tenant, rows, tables, keysRevoked }: DeletedTenant): string {
  const keys = keysRevoked === 1 ? '1 API key is revoked' : `${keysRevoked} API keys are revoked`;
  return `${tenant.name} (number ${tenant.id}) is deleted: ${printCount(rows)} rows of ${tables.length} tables. ${keys}.\n`;
}
