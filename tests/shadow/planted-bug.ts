import type { AlterHandle } from '../../src/shadow.ts';
import type { DifferenceKind } from '../../src/vocabulary/index.ts';
import type { Seen, Shot } from './shot.ts';

/** A request, or one that is made of the answers to those before it. */
export type Step = Shot | ((seen: readonly Seen[]) => Shot);

/** One realistic defect of a new handler, and where it must be found. */
export type PlantedBug = Readonly<{
  /** What the handler does wrong, as its developer would say it afterwards. */
  name: string;
  alter: AlterHandle;
  expects: Readonly<{ route: string; path: string; kind: DifferenceKind }>;
  /** Requests that show it, among the ordinary ones. */
  ask(tenant: string, nr: number): readonly Step[];
}>;

/** `chat.post: rows:chat_message/body value` in one line. */
export function expecting(route: string, path: string, kind: DifferenceKind): PlantedBug['expects'] {
  return { route, path, kind };
}

export function readJson<T>(seen: Seen | undefined): T {
  return JSON.parse(seen?.body.toString() ?? 'null') as T;
}

type Row = Record<string, unknown>;

/** A change of one text of a row, where the row has it. */
export function changeText(name: string, change: (text: string) => string): (row: Row) => Row {
  return (row) => (typeof row[name] === 'string' ? { ...row, [name]: change(row[name]) } : row);
}

const HOUR_MS = 3_600_000;

/** A stored UTC time taken for the time of a place one hour to the east. */
export function shiftTime(stored: string): string {
  const [whole = '', fraction = ''] = stored.split(/(?=\.)/);
  const shifted = new Date(Date.parse(`${whole.slice(0, 19)}Z`) + HOUR_MS).toISOString().slice(0, 19);
  return `${shifted}${fraction.replace(/\+.*$/, '')}+00:00`;
}
