import { parseArgs } from 'node:util';
import type { Rig } from './part.ts';

/** What whoever starts the bench wants. */
export type Wish = Readonly<{
  mode: Rig['mode'];
  /** Names of parts; undefined: those of the mode. */
  only: readonly string[] | undefined;
  rounds: number | undefined;
  jsonFile: string | undefined;
  svgFile: string | undefined;
}>;

export type Understood =
  | Readonly<{ kind: 'wish'; wish: Wish }>
  | Readonly<{ kind: 'help'; text: string }>
  | Readonly<{ kind: 'mistake'; text: string }>;

const MOST_ROUNDS = 1_000;

export const USAGE = `npm run bench -- [--short | --full] [--only NAME,…] [--rounds N] [--json FILE] [--svg FILE]

  --full        every part, as docs/performance.md tells them; this is the default
  --short       the corridor only, in less than a minute
  --only NAME,… these parts
  --rounds N    so many rounds for each comparison
  --json FILE   writes all figures for machines
  --svg FILE    draws them for people
`;

export function readArguments(argv: readonly string[], parts: readonly string[]): Understood {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        short: { type: 'boolean' },
        full: { type: 'boolean' },
        only: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        svg: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return { kind: 'help', text: `${USAGE}\nParts: ${parts.join(', ')}\n` };
    if (values.short && values.full) return mistake('--short and --full are two ways: choose one.');
    const only = values.only?.split(',').map((name) => name.trim());
    const unknown = only?.filter((name) => !parts.includes(name)) ?? [];
    if (unknown.length > 0)
      return mistake(`There is no part "${unknown.join('", "')}". Parts: ${parts.join(', ')}`);
    const rounds = readRounds(values.rounds);
    if (Number.isNaN(rounds)) return mistake(`--rounds is a whole number from 1 to ${MOST_ROUNDS}.`);
    const mode = values.short ? 'short' : 'full';
    return { kind: 'wish', wish: { mode, only, rounds, jsonFile: values.json, svgFile: values.svg } };
  } catch (error) {
    return mistake(error instanceof Error ? error.message : String(error));
  }
}

const mistake = (text: string): Understood => ({ kind: 'mistake', text: `${text}\n\n${USAGE}` });

/** NaN of what is no such number. */
function readRounds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rounds = Number(text);
  return Number.isInteger(rounds) && rounds >= 1 && rounds <= MOST_ROUNDS ? rounds : Number.NaN;
}
