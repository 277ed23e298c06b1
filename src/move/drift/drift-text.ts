import type { DriftFinding } from './finding.ts';
import type { DriftReport } from './read-drift.ts';

const NAMED = 5;

/** The report for a person: what is the same in many schemas is said once, what stops somebody first. Each a line. */
export function describeDrift({ tenants, tables, findings, measured }: DriftReport): readonly string[] {
  const groups = [
    ...Map.groupBy(findings, ({ weight, place, sentence }) => `${weight}\n${place}\n${sentence}`).values(),
  ];
  const stopped = findings.filter(({ weight }) => weight === 'stops');
  const own = new Set(stopped.flatMap(({ tenant }) => (tenant ? [tenant.id] : [])));
  const held = stopped.some(({ tenant }) => tenant === undefined) ? tenants : own.size;
  return [
    `${tenants} tenants, ${tables} tables: ${tenants - held} can be moved, ${held} cannot.`,
    ...(measured ? describeMeasured(measured, findings) : []),
    ...groups
      .toSorted(([one], [other]) => rank(one) - rank(other))
      .flatMap((group) => (group[0] ? [describeGroup(group[0], group)] : [])),
  ];
}

const rank = (finding: DriftFinding | undefined): number => (finding?.weight === 'stops' ? 0 : 1);

function describeGroup(
  { weight, place, source, sentence }: DriftFinding,
  group: readonly DriftFinding[],
): string {
  const names = group.map(({ tenant, schema }) => tenant?.name ?? (schema || 'everybody'));
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  const where = `${names.slice(0, NAMED).join(', ')}${more}`;
  return `${weight === 'stops' ? 'stops' : 'note '}  ${where}${place && `  ${place}`}${source === undefined ? '' : ` (${source} on legacy)`}: ${sentence}`;
}

function describeMeasured(
  { tenants, rows, ms, left }: NonNullable<DriftReport['measured']>,
  findings: DriftReport['findings'],
): readonly string[] {
  const unfit = findings.filter(({ kind }) => kind === 'rows_unfit');
  const own = new Set(unfit.map(({ tenant }) => tenant?.id));
  const all = unfit.length === 0 ? 'all would fit' : `of ${own.size} tenants some would not fit`;
  const rest = left.length === 0 ? '' : ` ${left.length} tenants were left when the time was up.`;
  return [`Measured: ${rows} rows of ${tenants} tenants in ${(ms / 1_000).toFixed(1)} s; ${all}.${rest}`];
}
