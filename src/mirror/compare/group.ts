import { createHash } from 'node:crypto';
import type { DifferenceKind, GroupId, RouteId } from '../../vocabulary/index.ts';

/** As much of a difference as names its group, raw or masked. */
type Typed = Readonly<{
  path: string;
  kind: DifferenceKind;
  legacy: Readonly<{ type: string }>;
  new: Readonly<{ type: string }>;
}>;

/** `string → null` */
export function printTypes({ legacy, new: fresh }: Pick<Typed, 'legacy' | 'new'>): string {
  return `${legacy.type} → ${fresh.type}`;
}

/** The same for the same route, path, kind and types, on every instance. */
export function groupIdOf(route: RouteId, difference: Typed): GroupId {
  const text = [route, difference.path, difference.kind, printTypes(difference)].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 12) as GroupId;
}
