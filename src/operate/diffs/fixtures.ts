import type { DiffGroup, KeptSample, Revision, RouteId } from '../../vocabulary/index.ts';
import type { DiffDesk } from './desk.ts';
import { describeGroup } from './words.ts';

/** A place where the new side may differ from the fixture, and why. */
export type Allowed = Readonly<{
  path: string;
  kind: DiffGroup['kind'];
  /** `string → null`, or `…` for any. */
  types: string;
  state: 'accepted' | 'noise';
  reason: string;
  by: string;
  /** ISO 8601; null for noise, which has no end. */
  until: string | null;
}>;

type FixtureSample = Readonly<{
  id: string;
  seen_at: string;
  request: Readonly<{ method: string; path: string; tenant: string }>;
  /** Why it is not asked again; null where it is. */
  left_out: string | null;
  legacy: Readonly<{ status: number; answer: unknown }>;
  new: Readonly<{ status: number }>;
}>;

/**
 * A contract that legacy keeps and the new side has to keep, too, but for what was accepted. Masked: requests have no body and no
 * query, answers have shapes for values.
 */
export type Fixture = Readonly<{
  kind: typeof FIXTURE_KIND;
  route: RouteId;
  group: string;
  about: string;
  made_at: string;
  revision: Revision;
  allowed: readonly Allowed[];
  samples: readonly FixtureSample[];
}>;

export const FIXTURE_KIND = 'banyan-shadow-fixture-1';
const SAMPLES_EACH = 5;

/** One for each group that is accepted now, of one route or of all. */
export async function listFixtures(
  desk: DiffDesk,
  route: RouteId | undefined,
  nowMs: number,
): Promise<readonly Fixture[]> {
  const groups = await desk.ledger.listGroups({ sinceMs: 0, ...(route ? { route } : {}) });
  const fixtures: Fixture[] = [];
  for (const group of groups.filter((known) => isInForce(known, nowMs))) {
    const samples = await desk.listSamples(group, SAMPLES_EACH);
    const allowed = groups
      .filter((other) => other.route === group.route)
      .flatMap((other) => allow(other, nowMs));
    if (samples.length > 0) fixtures.push(makeFixture(desk, group, samples, allowed, nowMs));
  }
  return fixtures;
}

function isInForce({ triage }: DiffGroup, nowMs: number): boolean {
  return triage.state === 'accepted' && triage.untilMs > nowMs;
}

/** What may differ on the whole route: a sample shows more than the difference of its own group. */
function allow({ path, kind, types, triage }: DiffGroup, nowMs: number): readonly Allowed[] {
  if (triage.state !== 'noise' && triage.state !== 'accepted') return [];
  if (triage.state === 'accepted' && triage.untilMs <= nowMs) return [];
  const { state, reason, owner: by } = triage;
  const until = triage.state === 'accepted' ? new Date(triage.untilMs).toISOString() : null;
  return [{ path, kind, types, state, reason, by, until }];
}

function makeFixture(
  { inForce }: DiffDesk,
  group: DiffGroup,
  samples: readonly KeptSample[],
  allowed: readonly Allowed[],
  nowMs: number,
): Fixture {
  return {
    kind: FIXTURE_KIND,
    route: group.route,
    group: group.id,
    about: describeGroup(group),
    made_at: new Date(nowMs).toISOString(),
    revision: inForce.current().revision,
    allowed,
    samples: samples.map(makeSample),
  };
}

function makeSample({ id, atMs, method, path, tenant, statuses, skeletons }: KeptSample): FixtureSample {
  return {
    id,
    seen_at: new Date(atMs).toISOString(),
    request: { method, path, tenant },
    left_out: findHindrance(method, path),
    legacy: { status: statuses.legacy, answer: JSON.parse(skeletons.legacy) as unknown },
    new: { status: statuses.new },
  };
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Bodies and queries are not kept, so what needs one cannot be asked again. */
function findHindrance(method: string, path: string): string | null {
  if (!SAFE.has(method)) return 'it would write';
  return path.includes('?') ? 'its query is not kept' : null;
}
