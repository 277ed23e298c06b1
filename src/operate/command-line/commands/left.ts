import type { Command } from 'commander';
import { STAGES } from '../../../vocabulary/index.ts';
import type { LeftJson } from '../../admin/left-endpoint.ts';
import { openAdminClient } from '../admin-client.ts';
import { type Bench, makeCommand, printJson } from '../command.ts';
import { openPaint } from '../paint.ts';
import { printTable } from '../text-table.ts';

type FeatureJson = LeftJson['features'][number];

const HEADER = ['FEATURE', 'ROUTES', 'TENANTS', 'ROWS', 'TO LEGACY', 'TO NEW', 'NEXT'] as const;

export function leftCommand(bench: Bench): Command {
  const { terminal, finish } = bench;
  return makeCommand(
    'left',
    'What is left in the monolith: routes, tenants, rows and traffic of each feature, and what comes next.',
    'banyan left',
  ).action(async ({ json }: Readonly<{ json?: boolean }>) => {
    const left = await openAdminClient(terminal).get<LeftJson>('/api/left');
    if (json) printJson(terminal, left);
    else printLeft(bench, left);
    finish(0);
  });
}

function printLeft({ terminal }: Bench, { features, left, unlisted }: LeftJson): void {
  const paint = openPaint(terminal);
  const rows = features.map((one) => [
    one.feature ?? '(none)',
    describeStages(one),
    `${one.tenants.answered} of ${one.tenants.all}`,
    describeRows(one),
    one.requests.legacy.toLocaleString('en'),
    one.requests.new.toLocaleString('en'),
    one.left ? one.next : paint('green', one.next),
  ]);
  printTable(terminal, HEADER, rows);
  if (unlisted > 0)
    terminal.out(
      `${unlisted.toLocaleString('en')} requests since the gateway began went to paths that no route lists: legacy answers them.\n`,
    );
  if (!left) terminal.out('Nothing that the table lists is left in the monolith.\n');
}

/** `2 canary, 1 legacy` */
const describeStages = ({ routes }: FeatureJson): string =>
  STAGES.filter((stage) => routes[stage] > 0)
    .map((stage) => `${routes[stage]} ${stage}`)
    .join(', ');

function describeRows({ rows, tenants }: FeatureJson): string | undefined {
  if (rows === null) return undefined;
  if (rows.move === null) return 'not moved';
  if (rows.move === 'retired') return 'moved, retired';
  return `${rows.owned} of ${tenants.all}${rows.move === 'paused' ? ', paused' : ''}`;
}
