import type { Bound, Row, Unit } from '../part.ts';

/** Three digits that count: `0.256`, `12.3`, `44,600`. */
export function showNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 ? 1 : 2);
}

export const showFigure = (value: number, unit: Unit) =>
  unit === '' ? showNumber(value) : `${showNumber(value)} ${unit}`;

/** `at least 0.25 × (aim 0.40)`, or nothing. */
export function showBound(bound: Bound | undefined, unit: Unit): string {
  if (bound === undefined) return '';
  const aim = bound.aim === undefined ? '' : ` (aim ${showNumber(bound.aim)})`;
  const word = bound.kind === 'at_least' ? 'at least' : 'at most';
  return `${word} ${showFigure(bound.least, unit)}${aim}`;
}

/** `0.31 to 0.36 in 9 rounds`; nothing of one round, which has no spread. */
export function showSpread({ seen }: Row): string {
  if (seen === undefined || seen.rounds < 2) return '';
  return `${showNumber(seen.low)} to ${showNumber(seen.high)} in ${seen.rounds} rounds`;
}
