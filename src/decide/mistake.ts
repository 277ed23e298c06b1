import { distance } from 'fastest-levenshtein';

/** One thing wrong with a table text. Lines and columns count from 1. */
export type Mistake = Readonly<{
  line: number;
  column: number;
  /** Where in the table, as `routes[3].match.method`; empty for the whole file. */
  path: string;
  /** What was expected, what was found, and the nearest known name. */
  message: string;
}>;

/** `routes.config.yaml:14:5: message`, as compilers print it, so that editors and terminals can jump there. */
export function printMistake(file: string, { line, column, message }: Mistake): string {
  return `${file}:${line}:${column}: ${message}`;
}

/** There is no good table to begin with. Its message is made for people: every mistake on a line of its own, no stack. */
export class TableRefusal extends Error {
  override readonly name = 'TableRefusal';
  readonly file: string;
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
    const lines = mistakes.map((mistake) => printMistake(file, mistake));
    super([`The route table ${file} has ${count}:`, ...lines].join('\n'));
    this.file = file;
    this.mistakes = mistakes;
    this.stack = this.message;
  }
}

const NEAR_ENOUGH = 0.4;
/** In a word of fewer letters, two wrong ones leave nothing to recognise. Two letters swapped are two steps. */
const SHORT = 4;

/** The known name that a mistyped one most likely meant, or undefined where none is near. */
export function findNearest(wrong: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(wrong.length < SHORT ? 1 : 2, Math.floor(wrong.length * NEAR_ENOUGH));
  let best: string | undefined;
  let fewest = limit + 1;
  for (const name of known) {
    // Whoever types one part of a name most likely means the whole one.
    const isPart = wrong.length > 2 && name.split(/[./_-]/).includes(wrong);
    const steps = isPart ? 1 : distance(wrong.toLowerCase(), name.toLowerCase());
    if (steps < fewest) [best, fewest] = [name, steps];
  }
  return best;
}

/** ` (did you mean "ai.complete"?)`, or nothing. */
export function suggestNearest(wrong: string, known: Iterable<string>): string {
  const nearest = findNearest(wrong, known);
  return nearest === undefined ? '' : ` (did you mean "${nearest}"?)`;
}

const LONGEST_SHOWN = 60;

/** A found value as a person would write it, short. */
export function showFound(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

export type TablePath = readonly PropertyKey[];

/** `['routes', 3, 'match']` → `routes[3].match`. */
export function printPath(path: TablePath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}
