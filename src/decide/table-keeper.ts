import type { Emit } from '../vocabulary/index.ts';
import { type Mistake, printMistake, TableRefusal } from './mistake.ts';
import type { Table } from './table.ts';
import { type FileReading, keyOf, RESTLESS, readSettledFile } from './table-file.ts';
import { readTable } from './table-reader.ts';
import type { Surroundings } from './table-rules.ts';
import { watchTableFile } from './table-watch.ts';

export type GoodTable = Readonly<{ text: string; table: Table }>;

/** What a look at the file found: a good table, a bad one, or what was there already. */
export type LookResult =
  | Readonly<{ kind: 'good'; good: GoodTable }>
  | Readonly<{ kind: 'bad'; mistakes: readonly Mistake[] }>;

export type TableKeeper = Readonly<{
  current(): GoodTable;
  /** Looks at the file now. */
  look(): Promise<LookResult>;
  close(): void;
}>;

export type TableKeeperParts = Readonly<{
  file: string;
  surroundings: Surroundings;
  emit: Emit;
  /** Called with every good table that is not the one before. */
  onTable(good: GoodTable): void;
}>;

/** Keeps the last good table of a file. Throws a TableRefusal if there is none to begin with. */
export async function openTableKeeper(parts: TableKeeperParts): Promise<TableKeeper> {
  const first = await readSettledFile(parts.file);
  const judged = judge(first, parts);
  if (judged.kind === 'bad') throw new TableRefusal(parts.file, judged.mistakes);
  return keepTable(parts, first, judged.good);
}

function judge(reading: FileReading, { surroundings, emit }: TableKeeperParts): LookResult {
  if (reading.kind === 'mistakes') return { kind: 'bad', mistakes: reading.mistakes };
  const { text } = reading;
  try {
    const result = readTable(text, surroundings);
    if (result.kind === 'mistakes') return { kind: 'bad', mistakes: result.mistakes };
    return { kind: 'good', good: { text, table: result.table } };
  } catch (error) {
    // A text that brings the reader down is a bug of ours, but no reason to stop serving by the last good table.
    emit({ type: 'bug', where: 'route table', error: String(error) });
    return { kind: 'bad', mistakes: [UNREADABLE] };
  }
}

const UNREADABLE: Mistake = {
  line: 1,
  column: 1,
  path: '',
  message: 'expected a table, found one that cannot be read',
};

function keepTable(parts: TableKeeperParts, first: FileReading, firstGood: GoodTable): TableKeeper {
  let good = firstGood;
  let lastKey = keyOf(first);
  let lastResult: LookResult = { kind: 'good', good };
  let queue: Promise<unknown> = Promise.resolve();
  const lookOnce = async (): Promise<LookResult> => {
    const reading = await readSettledFile(parts.file);
    // The watcher looks again once it rests.
    if (reading === RESTLESS) return { kind: 'bad', mistakes: RESTLESS.mistakes };
    if (keyOf(reading) === lastKey) return lastResult;
    lastKey = keyOf(reading);
    lastResult = judge(reading, parts);
    if (lastResult.kind === 'good') {
      good = lastResult.good;
      parts.onTable(good);
    } else tellRefusal(parts, lastResult.mistakes);
    return lastResult;
  };
  // One look at a time: a flip that asks for one must not overtake the watcher's.
  const look = (): Promise<LookResult> => {
    const result = queue.then(lookOnce);
    queue = result.catch(() => {});
    return result;
  };
  const watch = watchTableFile(parts.file, async () => {
    await look();
  });
  return { current: () => good, look, close: () => watch.close() };
}

function tellRefusal({ file, emit }: TableKeeperParts, mistakes: readonly Mistake[]): void {
  emit({
    type: 'table_refused',
    source: file,
    mistakes: mistakes.map((mistake) => printMistake(file, mistake)),
  });
}
