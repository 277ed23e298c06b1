import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type BanyanProcess, runBanyan, untilPrinted } from '../support/banyan-process.ts';
import { freePort } from '../support/free-port.ts';

type Step = Readonly<{ command: string; output: string }>;

const folder = mkdtempSync(join(tmpdir(), 'banyan-tour-'));
const env: Record<string, string> = {};
let banyan: BanyanProcess;

beforeAll(async () => {
  // A newcomer's checkout, as far as the tour touches it.
  copyFileSync('routes.config.yaml', join(folder, 'routes.config.yaml'));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  chmodSync(folder, 0o755);
  if (spawnSync('curl', ['--version']).error !== undefined)
    symlinkSync(resolve('tests/support/bin/curl.mjs'), join(bin, 'curl'));
  for (const name of ['PORT', 'ADMIN_PORT', 'LEGACY_PORT', 'EMBEDDED_PG_PORT'])
    env[name] = String(await freePort());
  Object.assign(env, {
    BANYAN_DATA_DIR: join(folder, '.banyan'),
    BANYAN_CONFIG: join(folder, 'routes.config.yaml'),
    // Test machines are busy.
    SHED_LAG_MS: '60000',
    PATH: [bin, resolve('node_modules/.bin'), process.env.PATH].join(delimiter),
  });
  banyan = runBanyan(['demo'], env);
  await untilPrinted(banyan, 'Ctrl-C stops everything');
}, 120_000);

afterAll(async () => {
  banyan.child.kill('SIGINT');
  await banyan.exited;
  rmSync(folder, { recursive: true, force: true });
});

/** The commands of the README's tour, each with the output shown below it. */
function readTour(): Step[] {
  const tour = readFileSync('README.md', 'utf8').split('## The two-minute tour')[1]?.split('\n## ')[0] ?? '';
  return [...tour.matchAll(/```console\n([\s\S]*?)```/g)]
    .flatMap(([, block]) => (block ?? '').split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...output] = step.split('\n');
      return { command, output: output.join('\n') };
    });
}

// Columns are as wide as the terminal likes.
const squeeze = (text: string) => text.replace(/\s+/g, ' ').trim();

function type(command: string): string {
  const here = command
    .replaceAll('localhost:8080', `localhost:${env.PORT}`)
    .replaceAll('npx banyan', `node ${resolve('bin/banyan.mjs')}`);
  // What a person sees on the screen, complaints included.
  const shell = spawnSync('sh', ['-c', `{ ${here}\n} 2>&1`], {
    cwd: folder,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return shell.stdout;
}

test('the tour, typed as written, gives the output shown', () => {
  const steps = readTour();
  expect(steps.length).toBeGreaterThan(8);
  expect(steps.map(({ command }) => `$ ${command}\n${squeeze(type(command))}`)).toEqual(
    steps.map(({ command, output }) => `$ ${command}\n${squeeze(output)}`),
  );
}, 120_000);

test('the README names the same two commands that CI runs', () => {
  const readme = readFileSync('README.md', 'utf8');
  const ci = readFileSync('.ci/run', 'utf8');
  expect(readme).toContain('npm ci && npm start');
  expect(readme).toContain('npm ci && npm test');
  expect(ci).toMatch(/^npm ci$[\s\S]*^npm test$/m);
  expect(() => execFileSync('bash', ['-n', '.ci/run'])).not.toThrow();
});
