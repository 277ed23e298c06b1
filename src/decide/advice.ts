import type { Decision, TenantName } from '../vocabulary/index.ts';
import { type FlagStory, showBucket } from './flag-story.ts';
import type { Snapshot } from './snapshot.ts';
import type { RouteRow } from './table.ts';
import { METHODS } from './table-schema.ts';

/** What a person could do about an unlisted request: the nearest routes first. */
export function adviseListing({ find }: Snapshot, method: string, path: string): readonly string[] {
  const others = METHODS.filter((other) => other !== method && find(other, path).row !== undefined);
  const turned = path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
  const withSlash = find(method, turned).row;
  return [
    ...others.map((other) => `${other} ${path} is route ${find(other, path).row?.id}.`),
    ...(withSlash
      ? [`${method} ${turned} is route ${withSlash.id}: the trailing slash is part of the path.`]
      : []),
    'Listing the route in the table gives it a stage; nothing else does.',
  ];
}

/** What would make the other side answer. */
export function adviseChange(
  row: RouteRow,
  decision: Decision,
  flag: FlagStory | undefined,
  tenant: TenantName | undefined,
): readonly string[] {
  return [...adviseByReason(row, decision, flag, tenant), ...adviseForcing(row, decision)];
}

function adviseByReason(
  row: RouteRow,
  { reason }: Decision,
  flag: FlagStory | undefined,
  tenant: TenantName | undefined,
): readonly string[] {
  switch (reason) {
    case 'stage_legacy':
    case 'stage_shadow':
      return adviseGoing(row, flag);
    case 'flag_on':
    case 'flag_shadow':
    case 'flag_off':
      return flag ? adviseFlag(flag, tenant) : [];
    case 'flag_unknown':
      return [`Making flag ${row.flag} known to the flag service, or mending the connection to it.`];
    case 'no_tenant':
      return ['A credential, or a host that names a tenant.'];
    case 'breaker_open':
      return ['One request tries the new side after its rest; if it succeeds, the breaker closes.'];
    case 'stage_new':
      return [`Stage canary asks ${nameFlag(row)} again; stage legacy sends everybody back.`];
    case 'stage_retired':
      return ['Nothing but a new stage in the table: a retired route has no way back to legacy.'];
    case 'forced_legacy':
      return [adviseRelease(row)];
    case 'owner':
      return [
        'Another owner: the mover hands over what the table says, tenant by tenant (banyan move status).',
      ];
    case 'forced':
      return ['The same request without X-Banyan-Side.'];
    case 'unlisted':
      return [];
  }
}

function nameFlag({ flag }: RouteRow): string {
  return flag === undefined ? 'a flag (the feature has none yet)' : `flag ${flag}`;
}

function adviseGoing(row: RouteRow, flag: FlagStory | undefined): readonly string[] {
  if (row.handler === undefined)
    return ['A handle first: no handler of the new side is named for this route.'];
  const would = flag?.on === undefined ? '' : `, which is ${flag.on ? 'on' : 'off'} for this tenant`;
  return [`Stage canary asks ${nameFlag(row)}${would}; stage new lets the new side answer every tenant.`];
}

function adviseRelease({ id, feature, forcedBy }: RouteRow): string {
  const subject = forcedBy === 'feature' ? feature : id;
  return `Ending it, by banyan flip ${subject} --release, or by taking force: legacy out of ${forcedBy} ${subject}.`;
}

function adviseFlag(
  { name, rule, on, percent, bucket }: FlagStory,
  tenant: TenantName | undefined,
): readonly string[] {
  if (rule === 'service' || percent === undefined || bucket === undefined)
    return [`Changing flag ${name} in the flag service.`];
  const isWithin = bucket < percent;
  if (rule === 'except') return [`Taking ${tenant} out of except: ${tellRest(isWithin, bucket, percent)}`];
  if (rule === 'list')
    return [
      `Taking ${tenant} out of tenants: ${tellRest(isWithin, bucket, percent)}`,
      `Putting ${tenant} into except instead of tenants: that beats everything.`,
    ];
  if (on) return [`Putting ${tenant} into except.`, `A percentage of ${showBucket(bucket)} or less.`];
  return [`Putting ${tenant} into tenants.`, `A percentage above ${showBucket(bucket)}.`];
}

function tellRest(isWithin: boolean, bucket: number, percent: number): string {
  return isWithin
    ? `the flag would be on, as the bucket ${showBucket(bucket)} is below ${percent} %.`
    : `the flag would be off, as the bucket ${showBucket(bucket)} is not below ${percent} %.`;
}

function adviseForcing({ handler, stage }: RouteRow, { side, reason }: Decision): readonly string[] {
  if (reason === 'forced' || reason === 'forced_legacy') return [];
  if (side === 'legacy' && handler !== undefined)
    return ['For one request: X-Banyan-Side: new, from a caller with scope qa.'];
  if (side === 'new' && stage !== 'retired')
    return ['For one request: X-Banyan-Side: legacy, from a caller with scope qa.'];
  return [];
}
