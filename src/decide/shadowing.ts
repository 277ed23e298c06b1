import type { Arrival, Side, TenantName } from '../vocabulary/index.ts';
import type { Match } from './route-matcher.ts';
import type { Ruling } from './ruling.ts';

/** What of the request itself has a say in its decision. */
export type Asking = Readonly<Pick<Arrival, 'wish' | 'upgrade' | 'path'>>;

/** Whether the other side is asked afterwards, or why it is not. */
export type Shadowing =
  | 'asked'
  /** The stage has none, or the answer comes from where the table would not have had it: forced, resting, without a tenant. */
  | 'not_here'
  /** A WebSocket has no answer that could be compared. */
  | 'upgrade'
  /** `percent: 0`. */
  | 'switched_off'
  | 'no_tenant'
  /** The new side answers, and no `mirror:` says that legacy should be asked as well. */
  | 'not_wished'
  /** What changes something must reach legacy once at most, and there is no taking back there. */
  | 'unsafe_method';

// RFC 9110 section 9.2.1, TRACE aside, which is not served.
const SAFE_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** The new side may rehearse anything, since a rehearsal is undone; legacy may be asked again only for what changes nothing. */
export function judgeShadow(
  { row, method }: Match,
  { reason }: Ruling,
  tenant: TenantName | undefined,
  { upgrade }: Pick<Asking, 'upgrade'>,
): Shadowing {
  const isNewByTable = reason === 'flag_on' || reason === 'stage_new';
  const isShadowed = reason === 'stage_shadow' || reason === 'flag_shadow';
  if (!row || (!isShadowed && !isNewByTable)) return 'not_here';
  if (upgrade) return 'upgrade';
  if (isNewByTable && row.mirror === undefined) return 'not_wished';
  if (row.mirror?.percent === 0) return 'switched_off';
  if (isNewByTable) return SAFE_METHODS.includes(method) ? 'asked' : 'unsafe_method';
  return tenant === undefined ? 'no_tenant' : 'asked';
}

const OTHER: Readonly<Record<Side, Side>> = { legacy: 'new', new: 'legacy' };

export function chooseShadow(shadowing: Shadowing, side: Side): Side | undefined {
  return shadowing === 'asked' ? OTHER[side] : undefined;
}

const NAMES: Readonly<Record<Side, string>> = { legacy: 'Legacy', new: 'The new side' };

/** A sentence about the other side, or nothing where there is nothing to say. */
export function tellShadow(shadowing: Shadowing, side: Side, percent: number): string | undefined {
  const other = NAMES[OTHER[side]];
  switch (shadowing) {
    case 'asked':
      return percent === 100
        ? `${other} is asked afterwards.`
        : `${other} is asked afterwards, for ${percent} % of the requests.`;
    case 'upgrade':
      return `${other} is not asked afterwards: this is a WebSocket.`;
    case 'switched_off':
      return `${other} is not asked afterwards: mirror.percent is 0.`;
    case 'no_tenant':
      return `${other} is not asked afterwards: the request names no tenant that it knows.`;
    case 'unsafe_method':
      return `${other} is not asked afterwards: only GET, HEAD and OPTIONS may be asked twice.`;
    case 'not_here':
    case 'not_wished':
      return undefined;
  }
}
