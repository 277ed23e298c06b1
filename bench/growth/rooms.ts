// The real rooms, opened on a table of some size.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Decide, openDecide } from '../../src/decide/index.ts';
import type { Emit, TenantName } from '../../src/vocabulary/index.ts';
import { type FlagServer, openFlagServer, tell } from '../../tests/support/flag-server.ts';
import type { Size } from './sizes.ts';
import { describeFlags, HANDLER, writeTable } from './world.ts';

export type FlagSource = 'file' | 'unleash';
export const FLAG_SOURCES: readonly FlagSource[] = ['file', 'unleash'];

export type OpenTable = Readonly<{
  file: string;
  decide: Decide;
  /** Where Unleash is the source. */
  flagServer: FlagServer | undefined;
  close(): Promise<void>;
}>;

export type TableWish = Readonly<{
  isTenant?: (name: TenantName) => boolean;
  /** How often the flag server is asked; without it once, for longer than any bench. */
  refreshMs?: number;
  emit?: Emit;
  /** Where the table's own folder is made. */
  folder?: string;
}>;

const ONCE_MS = 3_600_000;

/** Anything that goes wrong unexpectedly ends the bench. */
const demand: Emit = (event) => {
  if (event.type === 'bug' || event.type === 'flag_read_failed') throw new Error(JSON.stringify(event));
};

export async function openTable(size: Size, source: FlagSource, wish: TableWish = {}): Promise<OpenTable> {
  const { isTenant = () => true, refreshMs = ONCE_MS, emit = demand, folder = tmpdir() } = wish;
  const file = join(mkdtempSync(join(folder, 'banyan-growth-')), 'routes.config.yaml');
  writeFileSync(file, writeTable(size));
  const flagServer = source === 'unleash' ? await openFlagServer(answerFlags(size)) : undefined;
  const unleash = flagServer && { url: flagServer.url, token: 'bench', appName: 'bench', refreshMs };
  const decide = await openDecide({ file, handlers: [HANDLER], emit, unleash, isTenant });
  return {
    file,
    decide,
    flagServer,
    async close() {
      await decide.close();
      await flagServer?.close();
      rmSync(dirname(file), { recursive: true, force: true });
    },
  };
}

/** `percent` makes it another answer. */
export function answerFlags(size: Size, percent = 10) {
  const { features, segments } = describeFlags(size, percent);
  return tell(features, segments);
}
