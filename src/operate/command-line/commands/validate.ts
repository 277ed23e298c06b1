import type { Command } from 'commander';
import { printMistakes, type TableView } from '../../ports.ts';
import { type Bench, makeCommand, printJson, readTableText } from '../command.ts';

export function validateCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand(
    'validate',
    'Check a route table without a gateway, and list every mistake in it.',
    'banyan validate routes.config.yaml',
  )
    .argument('[file]', 'the table; without it BANYAN_CONFIG, or routes.config.yaml')
    .action(async (typed: string | undefined, options: Readonly<{ json?: boolean }>) => {
      const { file, text } = await readTableText(terminal, typed);
      const read = await parts.texts.read(text);
      const mistakes = read.kind === 'mistakes' ? read.mistakes : [];
      if (options.json) printJson(terminal, { file, good: read.kind === 'table', mistakes });
      else if (read.kind === 'table') terminal.out(`${file} is good: ${countParts(read.table)}.\n`);
      else for (const line of printMistakes(file, mistakes)) terminal.out(`${line}\n`);
      finish(mistakes.length === 0 ? 0 : 1);
    });
}

function countParts({ routes, features, flags }: TableView): string {
  return [count(routes.length, 'route'), count(features.length, 'feature'), count(flags.length, 'flag')].join(
    ', ',
  );
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

export function schemaCommand({ terminal, parts, finish }: Bench): Command {
  return makeCommand(
    'schema',
    'Print the JSON Schema of the route table, for editors.',
    'banyan schema > routes.schema.json',
  ).action(() => {
    printJson(terminal, parts.texts.jsonSchema());
    finish(0);
  });
}
