import { hasColour, type Terminal } from './terminal.ts';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Colour = keyof typeof CODES;

/** Colours text on a screen, and leaves it alone in a pipe or where NO_COLOR is set (https://no-color.org). */
export function openPaint(terminal: Terminal): (colour: Colour, text: string) => string {
  if (!hasColour(terminal)) return (_colour, text) => text;
  return (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m`;
}

const STAGE_COLOURS: Readonly<Record<string, Colour>> = {
  legacy: 'dim',
  shadow: 'blue',
  canary: 'yellow',
  new: 'green',
  retired: 'magenta',
};

export function colourOfStage(stage: string): Colour {
  return STAGE_COLOURS[stage] ?? 'dim';
}
