import { Command } from 'commander';
import type { Explanation, Question } from '../../decide/index.ts';
import type { DriftReport } from '../../move/index.ts';
import type { Mapping } from '../../vocabulary/index.ts';
import type { ReadResult, TableTexts } from '../ports.ts';
import type { TenantParts } from './tenant-parts.ts';
import { CommandRefusal, type ExitCode, type Terminal } from './terminal.ts';

/** What main hands to the command line: whatever needs a room that this one may not open. */
export type CommandLineParts = Readonly<{
  /** Runs the gateway until a signal ends it. */
  serve(options: ServeOptions): Promise<ExitCode>;
  /** Runs the whole system on embedded parts until a signal ends it. */
  demo(options: DemoOptions): Promise<ExitCode>;
  /** Applies the store's migrations; answers the names of those that were new. Throws one clear sentence. */
  migrate(): Promise<readonly string[]>;
  /** Copies tenants that are missing and begins to follow them. Throws one clear sentence. */
  follow(limits: FollowLimits, heard: FollowHeard): Promise<FollowPrepared>;
  /** Move's: whether legacy's schemas look as the store expects them. Throws one clear sentence. */
  drift: Readonly<{
    read(features: Readonly<Record<string, readonly string[]>>, more: DriftMore): Promise<DriftReport>;
    /** Lines for a person; the first is the verdict. */
    describe(report: DriftReport): readonly string[];
  }>;
  /** Whole tenants of the new store. */
  tenants: TenantParts;
  texts: TableTexts;
  /** What a gateway with this (good) table, all breakers closed and no flag server would decide. */
  explainFile(file: string, question: Question): Promise<Explanation>;
  version: string;
}>;

/** `mapping`: of all features of the route table. */
export type DriftMore = Readonly<{
  leftOut: readonly string[];
  mapping: Mapping;
  /** For so long rows are counted that would not fit; undefined: none is read. */
  measureMs: number | undefined;
}>;

/** How fast legacy's rows may be copied; what is left out has a default. */
export type FollowLimits = Readonly<{
  atOnce?: number;
  rowsPerSecond?: number;
  unreadBytes?: number;
  atWork?: number;
}>;
export type FollowHeard = Readonly<{
  onProgress(progress: FollowProgress): void;
  /** What the copy waits for; undefined: it goes on. */
  onRest(reason: string | undefined): void;
}>;
export type FollowFailure = Readonly<{ tenant: string; detail: string }>;
export type FollowProgress = Readonly<{
  tenants: Readonly<{ done: number; failed: number; all: number }>;
  rows: number;
  bytes: Readonly<{ done: number; all: number }>;
  now: readonly string[];
  failures: readonly FollowFailure[];
  ended: Readonly<{ tenant: string; rows: number }> | FollowFailure | undefined;
}>;
export type FollowPrepared = Readonly<{
  slot: 'made' | 'kept';
  tenants: number;
  rows: number;
  failed: readonly FollowFailure[];
  /** `stopped`: by a signal; the same command goes on. */
  ended: 'whole' | 'stopped';
  notFollowed: readonly string[];
}>;

export type Output = 'text' | 'json';
/** `beside`: another Banyan has the ports and goes on until it is stopped, as while a new version takes over. */
export type ServeOptions = Readonly<{ output: Output; sharing: 'alone' | 'beside' }>;
export type DemoOptions = Readonly<{ output: Output; fresh: boolean; tenants: number | undefined }>;

export type Bench = Readonly<{ terminal: Terminal; parts: CommandLineParts; finish(code: ExitCode): void }>;

/** A command with what all of them have: `--json`, and an example at the end of its help. */
export function makeCommand(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExample:\n  $ ${example.replaceAll('\n', '\n  $ ')}`);
}

export function outputOf(options: Readonly<{ json?: boolean }>): Output {
  return options.json ? 'json' : 'text';
}

/** Below a command that has options of its own `--json` may stand before or behind the name of the lower one. */
export function isJson({ json }: Readonly<{ json?: boolean }>, { parent }: Command): boolean {
  return json ?? parent?.opts<{ json?: boolean }>().json ?? false;
}

export function printJson({ out }: Terminal, value: unknown): void {
  out(`${JSON.stringify(value, undefined, 2)}\n`);
}

export const DEFAULT_TABLE = 'routes.config.yaml';

/** The table's text, from the file that was typed, or the one that the gateway would take. */
export async function readTableText(
  terminal: Terminal,
  typed: string | undefined,
): Promise<{ file: string; text: string }> {
  const file = typed ?? (terminal.env.BANYAN_CONFIG || DEFAULT_TABLE);
  try {
    return { file, text: await terminal.readFile(file) };
  } catch {
    throw new CommandRefusal(`${file} cannot be read. Name a route table, or set BANYAN_CONFIG.`);
  }
}

/** A table that must be good for what comes next. */
export function refuseMistakes(
  file: string,
  read: ReadResult,
): asserts read is Extract<ReadResult, { kind: 'table' }> {
  if (read.kind === 'table') return;
  const count = read.mistakes.length === 1 ? 'a mistake' : `${read.mistakes.length} mistakes`;
  throw new CommandRefusal(`${file} has ${count}. See them all with: banyan validate ${file}`, {
    error: 'table_refused',
    file,
    mistakes: read.mistakes,
  });
}
