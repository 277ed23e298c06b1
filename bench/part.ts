import type { Spread } from './spread.ts';

/** What a row must reach. `aim` is what we would like, and is only told. */
export type Bound = Readonly<{ kind: 'at_least' | 'at_most'; least: number; aim?: number }>;

export type Unit =
  | '×'
  | 'µs'
  | 'ms'
  | 's'
  | 'KB'
  | 'MB'
  | 'rows/s'
  | 'req/s'
  | 'req/CPU-s'
  | 'MB/s'
  | '%'
  | '';

/** One line of a part's table. Without `seen` it could not be measured here, and `note` says why; that is no miss. */
export type Row = Readonly<{
  what: string;
  seen: Spread | undefined;
  unit: Unit;
  bound?: Bound;
  note?: string;
}>;

/** What a part is run with. */
export type Rig = Readonly<{
  mode: 'short' | 'full';
  /** Tells a person what is going on. */
  say(line: string): void;
  /** How many interleaved rounds a comparison takes. */
  rounds: number;
  /** Processor numbers as `taskset -c` takes them; undefined where processes cannot be pinned. */
  cores: Readonly<{ proxy: string | undefined; load: string | undefined }>;
}>;

export type Part = Readonly<{
  name: string;
  title: string;
  run(rig: Rig): Promise<readonly Row[]>;
}>;
