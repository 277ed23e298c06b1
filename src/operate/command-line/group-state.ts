import type { GroupJson } from '../admin/diff-shapes.ts';

/** `accepted until 2026-12-01` */
export function describeState({ triage, counts }: GroupJson): string {
  if (triage.state !== 'accepted' || triage.until === null) return triage.state;
  const until = `accepted until ${triage.until.slice(0, 10)}`;
  return counts ? `${until}, which is over` : until;
}
