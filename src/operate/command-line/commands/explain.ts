import type { Command } from 'commander';
import type { TenantName } from '../../../vocabulary/index.ts';
import { type ExplanationJson, toExplanationJson } from '../../admin/wire.ts';
import { openAdminClient } from '../admin-client.ts';
import { readTenant } from '../arguments.ts';
import { type Bench, makeCommand, printJson, readTableText, refuseMistakes } from '../command.ts';
import { colourOfStage, openPaint } from '../paint.ts';
import { printPairs } from '../text-table.ts';

type Typed = Readonly<{ json?: boolean; file?: string; tenant?: TenantName }>;
type Asked = Readonly<{ method: string; path: string; tenant: TenantName | undefined }>;

export function explainCommand(bench: Bench): Command {
  return makeCommand(
    'explain',
    'Say who would answer a request, why, and what would change it.',
    'banyan explain POST /api/ai/completions/ --tenant acme',
  )
    .argument('<method>', 'for example GET')
    .argument('<path>', 'the path, for example /api/ai/jobs/')
    .option('--tenant <tenant>', 'whose request it is', readTenant)
    .option('--file <file>', 'explain by this table instead of asking the gateway')
    .action(async (method: string, path: string, { json, file, tenant }: Typed) => {
      const asked = { method: method.toUpperCase(), path, tenant };
      const told = file === undefined ? await askGateway(bench, asked) : await readFile(bench, file, asked);
      if (json) printJson(bench.terminal, told);
      else printExplanation(bench, told);
      bench.finish(0);
    });
}

function askGateway({ terminal }: Bench, { method, path, tenant }: Asked): Promise<ExplanationJson> {
  return openAdminClient(terminal).post('/api/explain', { method, path, ...(tenant ? { tenant } : {}) });
}

async function readFile({ terminal, parts }: Bench, typed: string, asked: Asked): Promise<ExplanationJson> {
  const { file, text } = await readTableText(terminal, typed);
  refuseMistakes(file, await parts.texts.read(text));
  return toExplanationJson(await parts.explainFile(file, asked));
}

function printExplanation({ terminal }: Bench, told: ExplanationJson): void {
  const paint = openPaint(terminal);
  const { side, stage, flag, would_change: wouldChange } = told;
  const answer = paint(side === 'new' ? 'green' : 'cyan', side);
  printPairs(terminal, [
    ['request', `${told.method} ${told.path}`],
    ['tenant', told.tenant ?? 'none'],
    ['route', told.route ? `${told.route}, ${told.template}` : 'not listed'],
    ['admits', ADMITS[told.admit]],
    ['feature', told.feature ?? undefined],
    ['stage', stage === null ? undefined : paint(colourOfStage(stage), stage)],
    ...describeForce(told),
    ['flag', flag === null ? undefined : describeFlag(flag)],
    ['bucket', flag?.bucket === null ? undefined : flag?.bucket.toFixed(2)],
    ['breaker', told.breaker ?? undefined],
    ['answers', told.shadow === null ? answer : `${answer}, then ${told.shadow} is asked and compared`],
    ['because', `${told.why} (${told.reason})`],
    ...wouldChange.map((sentence, at): [string, string] => [at === 0 ? 'to change it' : '', sentence]),
    ['revision', told.revision],
  ]);
}

/** A line of its own only where the brake is on. */
const describeForce = ({ forced_by: by }: ExplanationJson): readonly [string, string][] =>
  by === null ? [] : [['forced', `to legacy, by the ${by}`]];

const ADMITS = {
  public: 'everybody',
  optional: 'everybody without a bad credential',
  required: 'callers with a good credential',
} as const;

const RULES: Readonly<Record<string, string>> = {
  list: 'its list of tenants',
  except: 'its exceptions',
  percent: 'its percentage',
  service: 'the flag service',
};

/** `ai-engine at 10 %: on, by its list of tenants` */
function describeFlag(flag: NonNullable<ExplanationJson['flag']>): string {
  const { name, is_asked: isAsked, on, rule, percent } = flag;
  const place = percent === null ? name : `${name} at ${percent} %`;
  if (!isAsked) return `${place}: not asked at this stage`;
  return on === null
    ? `${place}: unknown`
    : `${place}: ${on ? 'on' : 'off'}, by ${RULES[rule ?? ''] ?? 'no rule'}`;
}
