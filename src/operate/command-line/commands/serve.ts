import type { Command } from 'commander';
import { readCount } from '../arguments.ts';
import { type Bench, makeCommand, outputOf } from '../command.ts';

type Typed = Readonly<{ json?: boolean; fresh?: boolean; tenants?: number }>;

export function serveCommand({ parts, finish }: Bench): Command {
  return makeCommand(
    'serve',
    'Run the gateway with what the environment names (docs/settings.md), until SIGTERM or Ctrl-C.',
    'DATABASE_URL=… LEGACY_URL=http://10.0.0.5:8000 BANYAN_ADMIN_TOKEN=… banyan serve',
  )
    .option('--beside', 'start although another Banyan has the ports: it goes on until you stop it')
    .action(async (typed: Typed & Readonly<{ beside?: true }>) =>
      finish(await parts.serve({ output: outputOf(typed), sharing: typed.beside ? 'beside' : 'alone' })),
    );
}

export function demoCommand({ parts, finish }: Bench): Command {
  return makeCommand(
    'demo',
    'Run the whole system on embedded parts: PostgreSQL, a legacy monolith with tenants, gateway, console.',
    'banyan demo --tenants 400',
  )
    .option('--fresh', 'forget the data of earlier runs')
    .option('--tenants <count>', 'how many tenants to make', readCount)
    .action(async (typed: Typed) => {
      const options = { output: outputOf(typed), fresh: typed.fresh ?? false, tenants: typed.tenants };
      finish(await parts.demo(options));
    });
}
