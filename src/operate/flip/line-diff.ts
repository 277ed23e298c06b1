/** Beyond this the table of common lines would cost more than a person would read. */
const MOST_CELLS = 4_000_000;

/** The lines that differ, each with `- ` or `+ ` before it, in order: what an editor of the file would see change. */
export function listChangedLines(before: string, after: string): readonly string[] {
  const old = before.split('\n');
  const now = after.split('\n');
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end))
    end += 1;
  const gone = old.slice(start, old.length - end);
  const come = now.slice(start, now.length - end);
  if (gone.length * come.length > MOST_CELLS) return [...mark('-', gone), ...mark('+', come)];
  return walk(gone, come, countCommon(gone, come));
}

function mark(sign: '-' | '+', lines: readonly string[]): readonly string[] {
  return lines.map((line) => `${sign} ${line}`);
}

/** `common[i][j]`: length of the longest common subsequence of what follows line i of one and j of the other. */
function countCommon(gone: readonly string[], come: readonly string[]): readonly Uint32Array[] {
  const common = Array.from({ length: gone.length + 1 }, () => new Uint32Array(come.length + 1));
  for (let i = gone.length - 1; i >= 0; i -= 1)
    for (let j = come.length - 1; j >= 0; j -= 1) {
      const [row, below] = [common[i], common[i + 1]];
      if (row && below)
        row[j] = gone[i] === come[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    }
  return common;
}

function walk(
  gone: readonly string[],
  come: readonly string[],
  common: readonly Uint32Array[],
): readonly string[] {
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < gone.length || j < come.length) {
    if (i < gone.length && j < come.length && gone[i] === come[j]) {
      i += 1;
      j += 1;
    } else if (
      j >= come.length ||
      (i < gone.length && (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0))
    ) {
      lines.push(`- ${gone[i++]}`);
    } else {
      lines.push(`+ ${come[j++]}`);
    }
  }
  return lines;
}
