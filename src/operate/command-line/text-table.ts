import { stripVTControlCharacters } from 'node:util';
import { openPaint } from './paint.ts';
import type { Terminal } from './terminal.ts';

type Cell = string | undefined;
const NOTHING = '-';
const GAP = '  ';

/** Aligned under a header on a screen; one line of tab-separated cells for each row, and no header, in a pipe. */
export function printTable(
  terminal: Terminal,
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
): void {
  const cells = rows.map((row) => row.map((cell) => cleanCell(cell)));
  if (!terminal.screen) {
    for (const row of cells) terminal.out(`${row.join('\t')}\n`);
    return;
  }
  const paint = openPaint(terminal);
  const widths = header.map((title, at) =>
    Math.max(title.length, ...cells.map((row) => measure(row[at] ?? ''))),
  );
  terminal.out(`${paint('dim', align(header, widths))}\n`);
  for (const row of cells) terminal.out(`${align(row, widths)}\n`);
}

/** Name and value, one pair a line: aligned on a screen, tab-separated in a pipe. Long values wrap under themselves. */
export function printPairs(terminal: Terminal, pairs: readonly (readonly [string, Cell])[]): void {
  const width = Math.max(...pairs.map(([name]) => name.length));
  const paint = openPaint(terminal);
  for (const [name, value] of pairs) {
    if (!terminal.screen) terminal.out(`${name}\t${cleanCell(value)}\n`);
    else {
      const room = Math.max(30, Math.min(terminal.screen.columns || 80, 110) - width - GAP.length);
      const indent = `\n${' '.repeat(width)}${GAP}`;
      terminal.out(`${paint('dim', name.padEnd(width))}${GAP}${wrap(cleanCell(value), room).join(indent)}\n`);
    }
  }
}

const ESCAPE = String.fromCharCode(27);
/** Every control character but the start of our own colours: what a label holds must not steer a terminal. */
const CONTROL = new RegExp(`(?!${ESCAPE}\\[\\d{1,2}m)\\p{Cc}`, 'gu');

/** A cell is one line of one column, whatever it holds. */
function cleanCell(cell: Cell): string {
  return cell === undefined || cell === '' ? NOTHING : cell.replace(CONTROL, ' ');
}

function align(row: readonly string[], widths: readonly number[]): string {
  const padded = row.map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - measure(cell))));
  return padded.join(GAP).trimEnd();
}

function measure(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

function wrap(text: string, room: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && measure(last) + 1 + measure(word) <= room)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
