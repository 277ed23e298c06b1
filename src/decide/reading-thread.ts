// Reads long tables beside those who are served: see the reading desk.
import { parentPort } from 'node:worker_threads';
import { editTable, type TableChange } from './table-edit.ts';
import { readTable } from './table-reader.ts';
import type { Surroundings } from './table-rules.ts';

/** What the thread is asked: it answers with the TableResult of a text, or with the EditResult of a text and a change. */
export type ReadingQuestion = Readonly<{
  text: string;
  change: TableChange | undefined;
  surroundings: Surroundings;
}>;

parentPort?.on('message', (question: ReadingQuestion | undefined) => {
  if (question === undefined) return parentPort?.close();
  const { text, change, surroundings } = question;
  parentPort?.postMessage(
    change === undefined ? readTable(text, surroundings) : editTable(text, change, surroundings),
  );
});
