import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Fixture } from '../../diffs/fixtures.ts';
import { openAdminClient } from '../admin-client.ts';
import { type Bench, isJson, makeCommand, printJson } from '../command.ts';
import { CommandRefusal, type Terminal } from '../terminal.ts';

type Typed = Readonly<{ json?: boolean; to: string; route?: string }>;

const TEST_FILE = 'shadow-fixtures.test.mjs';
const PACKAGE_FILE = 'package.json';
const PACKAGE = {
  private: true,
  type: 'module',
  scripts: { test: 'NODE_OPTIONS=--experimental-vm-modules jest' },
  jest: { transform: {} },
};

export function exportCommand({ terminal, finish }: Bench): Command {
  return makeCommand(
    'export',
    'Write accepted groups as contract fixtures, with a Jest test that asks the new side. Values are masked.',
    'banyan diffs export chat.messages --to tests/contract',
  )
    .argument('[route]', 'one route; without it all')
    .option('--route <route>', 'the same')
    .requiredOption('--to <folder>', 'where the files go; it is made if it is not there')
    .action(async (argument: string | undefined, typed: Typed, command: Command) => {
      const route = argument ?? typed.route;
      const query = route === undefined ? '' : `?${new URLSearchParams({ route })}`;
      const { fixtures } = await openAdminClient(terminal).get<{ fixtures: readonly Fixture[] }>(
        `/api/diffs/export${query}`,
      );
      if (fixtures.length === 0)
        throw new CommandRefusal('Nothing to export: no group with a sample is accepted at the moment.');
      const written = await writeFixtures(terminal, typed.to, fixtures);
      if (isJson(typed, command)) printJson(terminal, { written });
      else for (const file of written) terminal.out(`${file}\n`);
      await warnOfOthers(terminal, typed.to, fixtures);
      finish(0);
    });
}

async function writeFixtures(
  terminal: Terminal,
  folder: string,
  fixtures: readonly Fixture[],
): Promise<readonly string[]> {
  const there = await terminal.listFiles(folder);
  const test = await readFile(new URL(`../../diffs/${TEST_FILE}`, import.meta.url), 'utf8');
  const files = [
    ...fixtures.map((fixture) => [nameFixture(fixture), print(fixture)] as const),
    [TEST_FILE, test] as const,
    // Whoever has one already has settings of their own.
    ...(there.includes(PACKAGE_FILE) ? [] : [[PACKAGE_FILE, print(PACKAGE)] as const]),
  ];
  for (const [name, text] of files) await terminal.writeFile(join(folder, name), text);
  return files.map(([name]) => join(folder, name));
}

const nameFixture = ({ route, group }: Pick<Fixture, 'route' | 'group'>) => `${route}.${group}.json`;
const print = (value: object) => `${JSON.stringify(value, undefined, 2)}\n`;
const FIXTURE_NAME = /^.+\.[0-9a-f]{12}\.json$/;

/** Fixtures of groups that are accepted no longer stay: nobody's files are deleted, but they are named. */
async function warnOfOthers(
  { listFiles, err }: Terminal,
  folder: string,
  fixtures: readonly Fixture[],
): Promise<void> {
  const names = new Set(fixtures.map(nameFixture));
  const others = (await listFiles(folder)).filter((name) => FIXTURE_NAME.test(name) && !names.has(name));
  if (others.length > 0) err(`Not of this export, perhaps out of date: ${others.toSorted().join(', ')}\n`);
}
