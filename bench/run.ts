// npm run bench: measures, prints one table for each part, and ends with 1 if an "at least" is missed.
import { findCores, stayOnLoadCores } from './machine.ts';
import { PARTS } from './parts.ts';

const cores = findCores();
stayOnLoadCores(cores);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const mode = process.argv.includes('--short') ? 'short' : 'full';
for (const part of PARTS) {
  const rows = await part.run({ mode, rounds: mode === 'short' ? 3 : 7, say: (line) => console.log(line), cores });
  for (const { what, seen, unit, note } of rows)
    console.log(what.padEnd(70), seen && `${seen.median.toFixed(2)} ${unit} (${seen.low.toFixed(2)} to ${seen.high.toFixed(2)})`, note ?? '');
}
process.exit(0);
