import { join } from 'node:path';
import type { Command } from 'commander';
import type { MoveDoneJson, MovesJson } from '../../admin/move-shapes.ts';
import { type AdminClient, openAdminClient } from '../admin-client.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { exportFleet, type FleetExport } from '../fleet-export.ts';
import { printBytes, printCount } from '../progress-line.ts';
import { CommandRefusal, type Terminal } from '../terminal.ts';

type Typed = Readonly<{
  json?: boolean;
  author: string;
  reason?: string;
  yesRetire?: string;
  /** False: --no-export. */
  export?: string | false;
}>;

// It waits for every instance, and for what is on its way.
export const WHOLE_PATIENCE_MS = 30_000;

export function moveRetireCommand(bench: Bench): Command {
  const { terminal } = bench;
  return makeCommand(
    'retire',
    "The point of no return: legacy's rows are no longer kept level. Asks for the feature's name, then exports every tenant and checks it, first. " +
      'Wants DATABASE_OWNER_URL.',
    'banyan move retire ai --export /backups/ai\nbanyan move retire ai --yes-retire ai',
  )
    .argument('<feature>', 'a feature whose tenants the new side owns, all of them')
    .option('--yes-retire <feature>', 'the name once more, where nobody can be asked')
    .option('--export <dir>', 'where the export goes; without it exports/FEATURE in the data directory')
    .option('--no-export', 'keep none: you have another copy of both databases')
    .option('--author <name>', 'who, for the log', terminal.userName)
    .option('--reason <sentence>', 'why, for the log')
    .action(async (feature: string, typed: Typed, command: Command) => {
      const { yesRetire } = typed;
      if (yesRetire !== undefined && yesRetire !== feature)
        command.error(`error: --yes-retire says ${yesRetire}, and the command ${feature}`, { exitCode: 2 });
      await retire(bench, feature, { ...typed, json: isJson(typed, command) });
    });
}

async function retire(bench: Bench, feature: string, typed: Typed): Promise<void> {
  const { terminal, finish } = bench;
  const client = openAdminClient(terminal, WHOLE_PATIENCE_MS);
  const { author, reason, yesRetire, json } = typed;
  const body = { order: 'retire', feature, author, reason };
  const early = await askWhetherReady(client, body);
  const confirm = early ? feature : (yesRetire ?? (await askForName(bench, feature)));
  const kept =
    early || typed.export === false ? 'none' : await keepExport(bench, client, feature, typed.export);
  const named = kept === 'none' ? kept : nameExport(kept);
  const done = early ?? (await client.post<MoveDoneJson>('/api/moves', { ...body, confirm, export: named }));
  if (json) printJson(terminal, { ...done, export: kept });
  else {
    for (const sentence of done.story) terminal.out(`${sentence}\n`);
    if (kept !== 'none') printRestoring(terminal, kept);
  }
  finish(done.unconfirmed.length > 0 ? 1 : 0);
}

/** Hundreds of archives are not written for a move that cannot be retired. Answers what was done where it is retired already. */
async function askWhetherReady(client: AdminClient, body: object): Promise<MoveDoneJson | undefined> {
  try {
    return await client.post<MoveDoneJson>('/api/moves', body);
  } catch (error) {
    if (error instanceof CommandRefusal && Reflect.get(error.json, 'code') === 'retire_unconfirmed')
      return undefined;
    throw error;
  }
}

async function keepExport(
  { terminal, parts }: Bench,
  client: AdminClient,
  feature: string,
  typed: string | undefined,
): Promise<FleetExport> {
  const { moves } = await client.get<MovesJson>(`/api/moves?feature=${encodeURIComponent(feature)}`);
  const [move] = moves;
  const directory = typed ?? join(terminal.env.BANYAN_DATA_DIR || '.banyan', 'exports', feature);
  const tables = move?.tables ?? [];
  return exportFleet(terminal, parts.tenants, { feature, tables, tenants: move?.tenants ?? [], directory });
}

const nameExport = ({ directory, tenants, sha256 }: FleetExport) => ({ directory, tenants, sha256 });

function printRestoring(terminal: Terminal, { directory, made, kept, rows, bytes }: FleetExport): void {
  const before = kept > 0 ? `, ${kept} of them by an earlier attempt` : '';
  terminal.out(
    `${printCount(made + kept)} archives${before}: ${printCount(rows)} rows, ${printBytes(bytes)}, each read back.\n` +
      `To look at a tenant as it was: banyan tenants restore ${join(directory, 'TENANT.banyan.gz')} --as TENANT-before\n`,
  );
}

async function askForName({ terminal }: Bench, feature: string): Promise<string> {
  if (!terminal.ask)
    throw new CommandRefusal(
      `This is the point of no return, and there is nobody to ask. If it is meant: banyan move retire ${feature} --yes-retire ${feature}`,
    );
  terminal.err(
    `From now on legacy's rows of ${feature} would no longer be kept level, and nothing of it could be handed back. There is no way back from this.\n`,
  );
  const typed = await terminal.ask(`Type the feature's name to go on: `);
  if (typed.trim() === feature) return feature;
  throw new CommandRefusal(`That is not "${feature}". Nothing was changed.`);
}
