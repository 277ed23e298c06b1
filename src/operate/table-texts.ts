import type { editTable, readTable, Surroundings, tableJsonSchema } from '../decide/index.ts';
import { type TableTexts, viewTable } from './ports.ts';

/** At once, or from where long tables hold up nobody. */
type Told<Ask extends (...asked: never[]) => unknown> = (
  ...asked: Parameters<Ask>
) => ReturnType<Ask> | Promise<ReturnType<Ask>>;

/** Decide's own, handed in by main. */
export type TableFunctions = Readonly<{
  readTable: Told<typeof readTable>;
  editTable: Told<typeof editTable>;
  tableJsonSchema: typeof tableJsonSchema;
}>;

/** The same for tables of one house, whose handlers and source of flags are known. */
export function openTableTexts(functions: TableFunctions, surroundings: Partial<Surroundings>): TableTexts {
  return Object.freeze({
    read: async (text) => {
      const read = await functions.readTable(text, surroundings);
      return read.kind === 'table' ? { kind: 'table', table: viewTable(read.table) } : read;
    },
    edit: async (text, change) => {
      const edited = await functions.editTable(text, change, surroundings);
      return edited.kind === 'edited'
        ? { kind: 'edited', text: edited.text, table: viewTable(edited.table) }
        : edited;
    },
    jsonSchema: functions.tableJsonSchema,
  });
}
