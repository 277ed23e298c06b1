import { stripVTControlCharacters } from 'node:util';
import type { Terminal } from './terminal.ts';

/** Lines at the end of a screen that are drawn anew in place; each is cut to the screen's width. */
export type LiveLines = Readonly<{ draw(lines: readonly string[]): void; clear(): void }>;

const ESCAPE = String.fromCharCode(27);

export function openLiveLines({ out, screen }: Terminal): LiveLines {
  let drawn = 0;
  const width = Math.max(20, (screen?.columns || 80) - 1);
  const clear = () => {
    if (drawn > 0) out(`${ESCAPE}[${drawn}A${ESCAPE}[J`);
    drawn = 0;
  };
  return Object.freeze({
    draw: (lines: readonly string[]) => {
      clear();
      for (const line of lines) out(`${cut(line, width)}\n`);
      drawn = lines.length;
    },
    clear,
  });
}

/** A screen that can be drawn over. */
export const isDrawable = ({ screen, env }: Terminal) => screen !== undefined && env.TERM !== 'dumb';

/** A line that is too long loses its colours with its end: a wrapped one would not be drawn over. */
function cut(line: string, width: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length <= width ? line : `${plain.slice(0, width - 1)}…`;
}
