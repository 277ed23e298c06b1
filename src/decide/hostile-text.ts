import type { Mistake } from './mistake.ts';

// What is wrong with a text before anybody parses it. A table is short and flat; whatever is longer, deeper or binary is an attack or
// an accident, and is refused before it can cost time (20,000 brackets took the parser half a second, and then the stack).

const LARGEST_BYTES = 1_048_576;
export const DEEPEST = 32;
/** So deep that the parser need not be asked. Counted without regard to quotes, hence far above what is allowed. */
const HOPELESS_DEPTH = 200;
const HOPELESS_INDENT = /^ {400}/m;
/** All that YAML may begin something with: a table of five thousand routes has fewer. Many more would hold up everybody's requests. */
const MOST_MARKS = 100_000;

export function findHopeless(text: string): Mistake | undefined {
  const whole = (message: string, index = 0): Mistake => ({ ...positionOf(text, index), path: '', message });
  if (Buffer.byteLength(text) > LARGEST_BYTES)
    return whole('expected at most 1 MiB of text, found a larger file');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control bytes are what is looked for
  const binary = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd]/.exec(text);
  if (binary) return whole('expected plain text in UTF-8, found a byte that is none', binary.index);
  if (countMarks(text) > MOST_MARKS)
    return whole(`expected at most ${MOST_MARKS} entries, found a longer table`);
  const deep = findHopelessDepth(text);
  return deep === undefined ? undefined : whole(TOO_DEEP, deep);
}

export const TOO_DEEP = `expected at most ${DEEPEST} levels, found deeper nesting`;

function countMarks(text: string): number {
  return text.match(/[\n,:"'&!*?|>[{]/g)?.length ?? 0;
}

function positionOf(text: string, index: number) {
  const before = text.slice(0, index).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

function findHopelessDepth(text: string): number | undefined {
  const indented = HOPELESS_INDENT.exec(text);
  if (indented) return indented.index;
  let brackets = 0;
  let dashes = 0;
  for (let index = 0; index < text.length; index += 1) {
    const char = text[index];
    if (char === '[' || char === '{') brackets += 1;
    else if (char === ']' || char === '}') brackets -= 1;
    else if (char === '\n') dashes = 0;
    else if ((char === '-' || char === '?') && text[index + 1] === ' ') dashes += 1;
    if (brackets > HOPELESS_DEPTH || dashes > HOPELESS_DEPTH) return index;
  }
  return undefined;
}
