import { Command } from 'commander';
import type { TenantName, UserId } from '../../../vocabulary/index.ts';
import type { KeyJson } from '../../admin/wire.ts';
import { openAdminClient } from '../admin-client.ts';
import { readExpiry, readTenant, readUser } from '../arguments.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { openPaint } from '../paint.ts';
import { printTable } from '../text-table.ts';

type Typed = Readonly<{
  json?: boolean;
  tenant: TenantName;
  user: UserId;
  scope?: readonly string[];
  expires?: Date;
  label?: string;
}>;

export function keysCommand(bench: Bench): Command {
  // A group without options of its own: `--json` belongs to what it groups, wherever it is typed.
  return new Command('keys')
    .description('Make, list and revoke API keys.')
    .addHelpText('after', '\nExample:\n  $ banyan keys create --tenant acme --user 1')
    .addCommand(createCommand(bench))
    .addCommand(listCommand(bench))
    .addCommand(revokeCommand(bench));
}

function createCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'create',
    'Make an API key. It is printed once, alone on stdout, and cannot be had again.',
    'KEY=$(banyan keys create --tenant acme --user 1 --scope qa --expires 90d --label "nightly tests")',
  )
    .requiredOption('--tenant <tenant>', 'whose key it is', readTenant)
    .requiredOption('--user <id>', 'the user whom it acts for', readUser)
    .option('--scope <scopes...>', 'what it may do, for example qa')
    .option('--expires <when>', 'a span such as 90d, or a date; without it never', (typed) =>
      readExpiry(typed),
    )
    .option('--label <text>', 'what it is for')
    .action(async ({ json, tenant, user, scope, expires, label }: Typed) => {
      const body = { tenant, user, scopes: scope, label, expires_at: expires?.toISOString() };
      const answer = await openAdminClient(terminal).post<{ key: string; record: KeyJson }>(
        '/api/keys',
        body,
      );
      if (json) printJson(terminal, answer);
      else printKey(terminal, answer);
      finish(0);
    });
}

function printKey(terminal: Bench['terminal'], { key, record }: { key: string; record: KeyJson }): void {
  terminal.out(`${key}\n`);
  const until = record.expires_at ? `until ${record.expires_at}` : 'without an end';
  const what = `Key ${record.id} acts for user ${record.user} of ${record.tenant}, ${until}.`;
  terminal.err(`${what} It is not shown again. Take it back: banyan keys revoke ${record.id}\n`);
}

function listCommand({ terminal, finish }: Bench): Command {
  return makeCommand('list', 'List all API keys, without the keys themselves.', 'banyan keys list').action(
    async ({ json }: Typed) => {
      const answer = await openAdminClient(terminal).get<{ keys: readonly KeyJson[] }>('/api/keys');
      if (json) printJson(terminal, answer);
      else printKeys(terminal, answer.keys);
      finish(0);
    },
  );
}

const HEADER = ['ID', 'TENANT', 'USER', 'SCOPES', 'STATE', 'EXPIRES', 'LABEL'] as const;

function printKeys(terminal: Bench['terminal'], keys: readonly KeyJson[]): void {
  const paint = openPaint(terminal);
  const rows = keys.map((key) => [
    key.id,
    key.tenant,
    String(key.user),
    key.scopes.join(','),
    paint(key.state === 'active' ? 'green' : 'dim', key.state),
    key.expires_at?.slice(0, 10) ?? 'never',
    key.label,
  ]);
  printTable(terminal, HEADER, rows);
}

function revokeCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'revoke',
    'Take an API key back. Every instance refuses it within 2 seconds.',
    'banyan keys revoke byn_live_3f9a1c7e',
  )
    .argument('<id>', 'the id that `banyan keys list` shows')
    .action(async (typed: string, { json }: Typed) => {
      const id = keepPublicPart(typed);
      const path = `/api/keys/${encodeURIComponent(id)}/revoke`;
      const record = await openAdminClient(terminal).post<KeyJson>(path, {});
      if (json) printJson(terminal, record);
      else terminal.out(`Key ${record.id} of ${record.tenant} is revoked since ${record.revoked_at}.\n`);
      finish(0);
    });
}

/** Whoever types the whole key means its id; the rest of it goes nowhere. */
function keepPublicPart(typed: string): string {
  return /^(byn_[a-z0-9]+_[0-9A-Za-z]{8})[0-9A-Za-z]+$/.exec(typed)?.[1] ?? typed;
}
