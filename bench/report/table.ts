import type { Row } from '../part.ts';
import { judge, type Verdict } from './verdict.ts';
import { showBound, showFigure, showSpread } from './words.ts';

const SIGNS: Readonly<Record<Verdict, string>> = {
  reached: '✓',
  held: '✓',
  missed: '✗',
  told: '·',
  unseen: '–',
};

/** One line for each row: judged or told, what, the bound, the median, the spread, a note. */
export function printTable(title: string, rows: readonly Row[]): string {
  const cells = [
    ['', 'what', 'expected', 'seen', 'spread', ''],
    ...rows.map((row) => [
      SIGNS[judge(row)],
      row.what,
      showBound(row.bound, row.unit),
      row.seen === undefined ? 'not measured' : showFigure(row.seen.median, row.unit),
      showSpread(row),
      row.note ?? '',
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  const lines = cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${title}\n\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** What is missed, in words; nothing where all held. */
export function printMisses(parts: readonly Readonly<{ name: string; rows: readonly Row[] }>[]): string {
  const misses = parts.flatMap(({ name, rows }) =>
    rows
      .filter((row) => judge(row) === 'missed')
      .map(
        ({ what, seen, unit, bound }) =>
          `  ${name}: ${what}: ${seen ? showFigure(seen.median, unit) : ''}, not ${showBound(bound, unit)}\n`,
      ),
  );
  return misses.length === 0 ? '' : `Missed:\n\n${misses.join('')}`;
}
