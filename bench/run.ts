// npm run bench: measures beside what else one could take, prints a table for each part and what is missed. Ends with 0 if every bound
// was held, 1 if one was missed, 2 for what it does not understand.
import { writeFileSync } from 'node:fs';
import { readArguments, type Wish } from './arguments.ts';
import { describeMachine, findCores, stayOnLoadCores } from './machine.ts';
import type { Part, Rig } from './part.ts';
import { PARTS, SHORT_PARTS } from './parts.ts';
import { drawChart, printMisses, printTable, type Seen, writeJson } from './report/index.ts';

const ROUNDS = { short: 4, full: 15 } as const;

async function main(argv: readonly string[]): Promise<number> {
  const understood = readArguments(
    argv,
    PARTS.map(({ name }) => name),
  );
  if (understood.kind !== 'wish') {
    process[understood.kind === 'help' ? 'stdout' : 'stderr'].write(understood.text);
    return understood.kind === 'help' ? 0 : 2;
  }
  const { wish } = understood;
  const rig = openRig(wish);
  print(`${describeMachine()}\n${tellCores(rig.cores)}\n\n`);
  const seen: Seen[] = [];
  for (const part of chooseParts(wish)) {
    const told = await runPart(part, rig);
    seen.push(told);
    print(`\n${printTable(`${told.title} (${Math.round(told.seconds)} s)`, told.rows)}\n`);
    writeFiles(wish, seen, rig);
  }
  const misses = printMisses(seen);
  print(misses === '' ? 'Every bound was held.\n' : misses);
  return misses === '' ? 0 : 1;
}

function openRig({ mode, rounds = ROUNDS[mode] }: Wish): Rig {
  const cores = findCores();
  stayOnLoadCores(cores);
  return { mode, rounds, cores, say: (line) => print(`  ${line}\n`) };
}

function chooseParts({ mode, only }: Wish): readonly Part[] {
  const names = only ?? (mode === 'short' ? SHORT_PARTS : undefined);
  return PARTS.filter(({ name }) => names === undefined || names.includes(name));
}

async function runPart(part: Part, rig: Rig): Promise<Seen> {
  print(`${part.name}\n`);
  const beganMs = performance.now();
  const rows = await part.run(rig);
  return { name: part.name, title: part.title, rows, seconds: (performance.now() - beganMs) / 1_000 };
}

/** After each part, so that a run that is broken off leaves what it has seen. */
function writeFiles({ jsonFile, svgFile }: Wish, seen: readonly Seen[], rig: Rig): void {
  if (jsonFile !== undefined) writeFileSync(jsonFile, writeJson(seen, rig));
  if (svgFile !== undefined)
    writeFileSync(svgFile, drawChart('Banyan beside its peers', describeMachine(), seen));
}

function tellCores({ proxy, load }: Rig['cores']): string {
  if (proxy === undefined)
    return 'Processes are not pinned here: everything shares all cores, and figures are rough.';
  return `Proxies on core ${proxy}; load, upstream and database on ${load}.`;
}

const print = (text: string) => process.stdout.write(text);

// So that servers which end with this process end with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
process.exit(await main(process.argv.slice(2)));
