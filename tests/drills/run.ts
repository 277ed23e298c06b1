// npm run drill NAME: runs one drill on real parts of its own, prints its table, and ends with 0 if all of it held.
import { existsSync, readdirSync } from 'node:fs';
import startPostgres from '../support/start-postgres.ts';
import stopPostgres from '../support/stop-postgres.ts';
import type { Drill, Line } from './drill.ts';

async function main(name: string | undefined, argv: readonly string[]): Promise<number> {
  const file = new URL(`./${name}.drill.ts`, import.meta.url);
  if (name === undefined || !existsSync(file)) {
    process.stderr.write(`There is no drill "${name ?? ''}". Drills: ${listDrills().join(', ')}\n`);
    return 2;
  }
  const { drill } = (await import(file.href)) as { drill: Drill };
  process.stdout.write(`${name}\n${drill.story}\n\n`);
  await startPostgres();
  try {
    const lines = await drill.run((line) => process.stdout.write(`  ${line}\n`), argv);
    process.stdout.write(`\n${printTable(lines)}`);
    return lines.some(({ verdict }) => verdict === 'missed') ? 1 : 0;
  } finally {
    await stopPostgres();
  }
}

function listDrills(): readonly string[] {
  return readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.endsWith('.drill.ts'))
    .map((name) => name.replace('.drill.ts', ''));
}

function printTable(lines: readonly Line[]): string {
  const rows = [
    ['', 'what', 'expected', 'seen'],
    ...lines.map(({ what, expected, seen, verdict }) => [
      { held: '✓', missed: '✗', told: '·' }[verdict],
      what,
      expected,
      seen,
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `${row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i] ?? 0) : cell)).join('  ')}\n`)
    .join('');
}

// So that parts which end with this process end with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exit(await main(process.argv[2], process.argv.slice(3)));
