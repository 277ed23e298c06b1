import { createHash } from 'node:crypto';
import type {
  Difference,
  GroupId,
  KeptSample,
  LedgerEntry,
  NewSample,
  RequestId,
  RouteId,
  TenantName,
  ValueShape,
} from '../vocabulary/index.ts';
import { cutText, LONGEST_PATH } from './ledger-group.ts';

const LONGEST_SKELETON = 32 * 1024;
const LARGEST_SEALED = 1024 * 1024;
const LONGEST_CLEAR = 1_000;
const MOST_DIFFERENCES = 50;
const MOST_EFFECTS = 50;

export type DifferentEntry = Extract<LedgerEntry, { verdict: 'different' }>;

/** A sample as banyan.add_shadow takes it, except for what it asks for. */
export type SampleRow = Readonly<Record<string, unknown>> & Readonly<{ id: string; bytes: number }>;

/** Sixteen hex digits. The same for the same comparison, so that a batch that is sent again keeps nothing twice. */
function idOf({ route, atMs, sample }: DifferentEntry): string {
  const parts = [route, sample.tenant, sample.requestId, sample.method, sample.path, String(atMs)];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

/** What is too long is left out and said to be, never cut into something else. */
export function writeSample(entry: DifferentEntry): SampleRow {
  const { sample } = entry;
  const isTooLarge = (sample.sealed?.byteLength ?? 0) > LARGEST_SEALED;
  const row = {
    id: idOf(entry),
    route: entry.route,
    request_id: cutText(sample.requestId, 100),
    tenant: cutText(sample.tenant, 100),
    method: cutText(sample.method, 50),
    path: cutText(sample.path, LONGEST_PATH),
    legacy_status: sample.statuses.legacy,
    new_status: sample.statuses.new,
    legacy_skeleton: keepSkeleton(sample.skeletons.legacy),
    new_skeleton: keepSkeleton(sample.skeletons.new),
    differences: JSON.stringify(sample.differences.slice(0, MOST_DIFFERENCES).map(cutDifference)),
    effects: sample.effects.slice(0, MOST_EFFECTS).map((effect) => cutText(effect, 200)),
    sealed: sample.sealed && !isTooLarge ? Buffer.from(sample.sealed).toString('base64') : null,
    replay: isTooLarge && sample.replay === 'possible' ? 'too_large' : sample.replay,
  };
  const bytes = row.legacy_skeleton.length + row.new_skeleton.length + row.differences.length;
  return { ...row, bytes: bytes + (row.sealed?.length ?? 0) };
}

function keepSkeleton(text: string): string {
  if (text.length > LONGEST_SKELETON) return JSON.stringify({ type: 'bytes', length: text.length });
  return cutText(text, LONGEST_SKELETON);
}

const cutDifference = (difference: Difference): Difference => ({
  ...difference,
  path: cutText(difference.path, LONGEST_PATH),
  legacy: cutShape(difference.legacy),
  new: cutShape(difference.new),
});

function cutShape(shape: ValueShape): ValueShape {
  const { clear, ...rest } = shape;
  return clear === undefined || clear.length > LONGEST_CLEAR ? rest : shape;
}

export type KeptRow = {
  id: string;
  at_ms: number;
  route: RouteId;
  groups: GroupId[];
  request_id: RequestId;
  tenant: TenantName;
  method: string;
  path: string;
  legacy_status: number;
  new_status: number;
  legacy_skeleton: string;
  new_skeleton: string;
  differences: string;
  effects: string[];
  sealed: Uint8Array | null;
  replay: NewSample['replay'];
};

/** What stands in the table was parsed before it was written. */
export function readSample(row: KeptRow): KeptSample {
  return Object.freeze({
    id: row.id,
    atMs: row.at_ms,
    route: row.route,
    groups: row.groups,
    requestId: row.request_id,
    tenant: row.tenant,
    method: row.method,
    path: row.path,
    statuses: { legacy: row.legacy_status, new: row.new_status },
    skeletons: { legacy: row.legacy_skeleton, new: row.new_skeleton },
    differences: JSON.parse(row.differences) as readonly Difference[],
    effects: row.effects,
    sealed: row.sealed ?? undefined,
    replay: row.replay,
  });
}
