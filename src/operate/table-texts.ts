import type { editTable, readTable, Surroundings, tableJsonSchema } from '../decide/index.ts';
import { type TableTexts, viewTable } from './ports.ts';

/** Decide's pure functions, handed in by main. */
export type TableFunctions = Readonly<{
  readTable: typeof readTable;
  editTable: typeof editTable;
  tableJsonSchema: typeof tableJsonSchema;
}>;

/** The same for tables of one house, whose handlers and source of flags are known. */
export function openTableTexts(functions: TableFunctions, surroundings: Partial<Surroundings>): TableTexts {
  return Object.freeze({
    read: (text) => {
      const read = functions.readTable(text, surroundings);
      return read.kind === 'table' ? { kind: 'table', table: viewTable(read.table) } : read;
    },
    edit: (text, change) => {
      const edited = functions.editTable(text, change, surroundings);
      return edited.kind === 'edited'
        ? { kind: 'edited', text: edited.text, table: viewTable(edited.table) }
        : edited;
    },
    jsonSchema: functions.tableJsonSchema,
  });
}
