import type { MirrorRules, SideAnswer } from '../../vocabulary/index.ts';
import { compareExchanges } from './exchanges.ts';
import type { FoundDifference } from './found.ts';

/** At the end of a noisy path: all that lies below it is noise, too. */
const BELOW = '/**';

/**
 * Where two answers of one side to the same question disagree: paths as differences have them, sorted. Where a whole object or list came and
 * went, a second path ends in `/**` and stands for all that is below; a list whose order changed, and one whose items came and went, says
 * nothing of what is in its items.
 */
export function differsWithItself(
  first: SideAnswer,
  second: SideAnswer,
  rules: MirrorRules,
): readonly string[] {
  const compared = compareExchanges({ legacy: first, new: second, rows: undefined, method: 'safe', rules });
  if (compared.kind !== 'different') return [];
  return [...new Set(compared.differences.flatMap(namePlaces))].sort();
}

function namePlaces({ path, kind, legacy, new: fresh }: FoundDifference): readonly string[] {
  const isWhole = [legacy.type, fresh.type].some((type) => type === 'object' || type === 'list');
  const tellsBelow = isWhole && kind !== 'order' && !path.endsWith('*');
  return tellsBelow ? [path, `${path}${BELOW}`] : [path];
}

/** Is a difference at this path explained by noise? `*` in a noisy path stands for any one step. */
export function isNoise(path: string, noisy: Iterable<string>): boolean {
  const steps = cut(path);
  for (const pattern of noisy) if (pattern === path || fits(steps, pattern)) return true;
  return false;
}

// `body` is the root of all pointers.
const cut = (path: string) =>
  path.startsWith('/') ? ['body', ...path.slice(1).split('/')] : path.split('/');

function fits(steps: readonly string[], pattern: string): boolean {
  const isPrefix = pattern.endsWith(BELOW);
  const wanted = cut(isPrefix ? pattern.slice(0, -BELOW.length) : pattern);
  if (isPrefix ? steps.length <= wanted.length : steps.length !== wanted.length) return false;
  return wanted.every((step, i) => step === '*' || step === steps[i]);
}
