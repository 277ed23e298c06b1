import { Command } from 'commander';
import type { TenantName } from '../../../vocabulary/index.ts';
import { readArchive, writeArchiveFile, writeArchiveOut } from '../archive-file.ts';
import { readTenant } from '../arguments.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { openProgressLine, printBytes, printCount } from '../progress-line.ts';
import type { Archived, ArchiveProgress, RestoredTenant } from '../tenant-parts.ts';
import { deleteCommand } from './tenants-delete.ts';
import { listCommand } from './tenants-list.ts';

export function tenantsCommand(bench: Bench): Command {
  return new Command('tenants')
    .description(
      'Export, restore, delete and list whole tenants of the new store, as the owner of its tables (DATABASE_OWNER_URL).',
    )
    .addHelpText('after', '\nExample:\n  $ banyan tenants export acme acme.banyan.gz')
    .addCommand(listCommand(bench))
    .addCommand(exportCommand(bench))
    .addCommand(restoreCommand(bench))
    .addCommand(deleteCommand(bench));
}

type Json = Readonly<{ json?: boolean }>;

function exportCommand(bench: Bench): Command {
  return makeCommand(
    'export',
    'Write everything of one tenant, as it is at one moment, into a file, and read it back. - is stdout.',
    'banyan tenants export acme acme.banyan.gz\nbanyan tenants export acme - | ssh vault "cat > acme.banyan"',
  )
    .argument('<tenant>', 'whose rows', readTenant)
    .argument('<file>', 'compressed where its name ends in .gz; - is stdout')
    .action(async (tenant: TenantName, file: string, { json }: Json) => {
      const written = file === '-' ? await exportOut(bench, tenant) : await exportFile(bench, tenant, file);
      if (json)
        (file === '-' ? bench.terminal.err : bench.terminal.out)(
          `${JSON.stringify(written, undefined, 2)}\n`,
        );
      else if (file === '-') bench.terminal.err(describeExport(written));
      else bench.terminal.out(describeExport(written));
      bench.finish(0);
    });
}

type Written = Readonly<{
  tenant: Archived['header']['tenant'];
  exported_at: string;
  file: string;
  bytes: number;
  rows: number;
  tables: Archived['footer']['tables'];
}>;

async function exportFile({ terminal, parts }: Bench, tenant: TenantName, file: string): Promise<Written> {
  const line = openProgressLine(terminal);
  const onProgress = (progress: ArchiveProgress) => line.show(describeProgress(tenant, progress));
  const pieces = parts.tenants.export(tenant, {
    onProgress,
    onEnd: () => line.show(`${tenant}: reading it back`),
  });
  const { bytes, checked } = await writeArchiveFile(file, pieces, parts.tenants.check).finally(line.clear);
  return summarize(checked, file, bytes);
}

async function exportOut({ terminal, parts }: Bench, tenant: TenantName): Promise<Written> {
  let [bytes, written] = [0, undefined as Archived | undefined];
  const pieces = parts.tenants.export(tenant, {
    onProgress: () => undefined,
    onEnd: (all) => (written = all),
  });
  const counted = async function* () {
    for await (const piece of pieces) {
      bytes += piece.length;
      yield piece;
    }
  };
  await writeArchiveOut(terminal, counted());
  if (written === undefined) throw new Error('an export ended without an end');
  return summarize(written, '-', bytes);
}

function summarize({ header, footer }: Archived, file: string, bytes: number): Written {
  const rows = footer.tables.reduce((sum, table) => sum + table.rows, 0);
  const { tenant, exportedAt } = header;
  const named = { id: tenant.id, name: tenant.name };
  return { tenant: named, exported_at: exportedAt, file, bytes, rows, tables: footer.tables };
}

function describeExport({ tenant, rows, tables, bytes, file }: Written): string {
  const end = file === '-' ? 'written.' : `written to ${file} and read back.`;
  return `${tenant.name} (number ${tenant.id}): ${printCount(rows)} rows of ${tables.length} tables, ${printBytes(bytes)}, ${end}\n`;
}

const describeProgress = (tenant: string, { table, rows, bytes }: ArchiveProgress): string =>
  `${tenant}: ${table}, ${printCount(rows)} rows, ${printBytes(bytes)}`;

function restoreCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand(
    'restore',
    'Put a tenant back from an export: all of it, compared with what was exported, or nothing. - is stdin.',
    'banyan tenants restore acme.banyan.gz\nbanyan tenants restore acme.banyan.gz --as acme-in-may',
  )
    .argument('<file>', 'what `banyan tenants export` wrote, compressed or not; - is stdin')
    .option('--as <name>', 'under another name, and another number where its own is taken', readTenant)
    .action(async (file: string, { json, as }: Json & Readonly<{ as?: TenantName }>) => {
      const line = openProgressLine(terminal);
      const restored = await parts.tenants
        .restore(readArchive(terminal, file), {
          as,
          onProgress: (progress) => line.show(describeProgress(as ?? file, progress)),
        })
        .finally(line.clear);
      if (json) printJson(terminal, toJson(restored));
      else terminal.out(describeRestored(restored));
      finish(0);
    });
}

const toJson = ({ tenant, from, rows, tables }: RestoredTenant) => ({
  tenant,
  from: { id: from.id, name: from.name, exported_at: from.exportedAt },
  rows,
  tables,
});

function describeRestored({ tenant, from, rows, tables }: RestoredTenant): string {
  const whose =
    tenant.name === from.name && tenant.id === from.id ? '' : `, those of ${from.name} (number ${from.id})`;
  return `${tenant.name} (number ${tenant.id}) has ${printCount(rows)} rows of ${tables.length} tables${whose}, as they were at ${from.exportedAt}. Read back, every count and hash agrees.\n`;
}
