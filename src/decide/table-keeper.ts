import type { Emit } from '../vocabulary/index.ts';
import { type Mistake, printMistake, TableRefusal } from './mistake.ts';
import { openReadingDesk, type ReadingDesk } from './reading-desk.ts';
import type { Table } from './table.ts';
import { type FileReading, keyOf, RESTLESS, readSettledFile } from './table-file.ts';
import { readTable, type TableResult } from './table-reader.ts';
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
  /** For texts that are not in the file, or not yet. */
  desk: Pick<ReadingDesk, 'read' | 'edit'>;
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
  // Here, not at the desk: nobody is served yet, and a thread would take 0.3 s more until somebody is.
  const judged = await judge(first, parts, (text) => readTable(text, parts.surroundings));
  if (judged.kind === 'bad') throw new TableRefusal(parts.file, judged.mistakes);
  return keepTable(parts, first, judged.good);
}

async function judge(
  reading: FileReading,
  { emit }: TableKeeperParts,
  read: (text: string) => TableResult | Promise<TableResult>,
): Promise<LookResult> {
  if (reading.kind === 'mistakes') return { kind: 'bad', mistakes: reading.mistakes };
  const { text } = reading;
  try {
    const result = await read(text);
    if (result.kind === 'mistakes') return { kind: 'bad', mistakes: result.mistakes };
    return { kind: 'good', good: { text, table: result.table } };
  } catch (error) {
    // A text that brings the reader down is a bug of ours, but no reason to stop serving by the last good table.
    emit({ type: 'bug', where: 'route table', error: String(error) });
    return UNREADABLE;
  }
}

const UNREADABLE: LookResult = {
  kind: 'bad',
  mistakes: [{ line: 1, column: 1, path: '', message: 'expected a table, found one that cannot be read' }],
};
/** What no file's key is. */
const UNKNOWN_KEY = '';

function keepTable(wished: TableKeeperParts, first: FileReading, firstGood: GoodTable): TableKeeper {
  const desk = openReadingDesk(wished.surroundings);
  let isClosed = false;
  // After closing nobody is told anything, whatever is still being read.
  const parts: TableKeeperParts = {
    ...wished,
    emit: (event) => isClosed || wished.emit(event),
    onTable: (table) => isClosed || wished.onTable(table),
  };
  let good = firstGood;
  let lastKey = keyOf(first);
  let lastResult: LookResult = { kind: 'good', good };
  let queue: Promise<unknown> = Promise.resolve();
  const lookOnce = async (): Promise<LookResult> => {
    const reading = await readSettledFile(parts.file);
    // The watcher looks again once it rests.
    if (reading === RESTLESS) return { kind: 'bad', mistakes: RESTLESS.mistakes };
    if (keyOf(reading) === lastKey) return lastResult;
    lastResult = await judge(reading, parts, desk.read);
    // A reading that was brought down says nothing of the text: the next look reads it again.
    lastKey = lastResult === UNREADABLE ? UNKNOWN_KEY : keyOf(reading);
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
  return {
    current: () => good,
    look,
    desk,
    close() {
      isClosed = true;
      watch.close();
      desk.close();
    },
  };
}

function tellRefusal({ file, emit }: TableKeeperParts, mistakes: readonly Mistake[]): void {
  emit({
    type: 'table_refused',
    source: file,
    mistakes: mistakes.map((mistake) => printMistake(file, mistake)),
  });
}
