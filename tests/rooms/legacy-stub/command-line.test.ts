import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createDatabase } from '../../support/database.ts';
import { freePort } from '../../support/free-port.ts';

const MAIN = new URL('../../../legacy-stub/main.ts', import.meta.url).pathname;

let database: Awaited<ReturnType<typeof createDatabase>>;
beforeAll(async () => {
  database = await createDatabase('legacy_cli');
});
afterAll(() => database.drop());

type Ended = Readonly<{ code: number | null; out: string; err: string }>;

function watch(child: ChildProcess) {
  const said = { out: '', err: '' };
  child.stdout?.on('data', (piece) => {
    said.out += piece;
  });
  child.stderr?.on('data', (piece) => {
    said.err += piece;
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, ...said })));
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', () => said.out.includes('legacy listening on ') && resolve());
    child.on('close', () => reject(new Error(said.err)));
  });
  // Not every test waits for it.
  listening.catch(() => {});
  return { child, ended, listening };
}

const environment = (more: Record<string, string>) => ({
  PATH: process.env.PATH,
  LEGACY_DATABASE_URL: database.url,
  ...more,
});

function run(args: readonly string[], more: Record<string, string> = {}) {
  return watch(spawn(process.execPath, [MAIN, ...args], { env: environment(more) }));
}

test('the page lists every variable that is read, and no other', () => {
  const page = readFileSync('docs/legacy-stub.md', 'utf8');
  const listed = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]);
  const code = ['settings', 'main'].map((name) => readFileSync(`legacy-stub/${name}.ts`, 'utf8')).join('');
  const read = [...code.matchAll(/\b(?:env(?:\.|\[')|env, ')([A-Z_]+)/g)].map((match) => match[1]);
  expect(listed.toSorted()).toEqual([...new Set(read)].toSorted());
});

describe('commands', () => {
  test('seed, migrate and tenants do their work and say so', async () => {
    const seeded = await run(['seed', '--tenants', '2']).ended;
    expect(seeded).toMatchObject({ code: 0, err: '' });
    expect(seeded.out).toMatch(/\[2\/2] \w+ made \(\d\.\d\d s\)\n2 tenants made, 0 kept, in \d+\.\d\d s\n$/);
    const migrated = await run(['migrate']).ended;
    expect(migrated.out).toMatch(
      /^\[1\/2] acme: ai\.0002_job_duration_ms, chat\.0002_message_channel_newest_idx OK \(\d\.\d\d s\)\n/,
    );
    expect((await run(['migrate']).ended).out).toMatch(
      /\[2\/2] globex: no migrations to apply\n0 schemas changed, 2 were up to date\n$/,
    );
    const listed = await run(['tenants', '--json']).ended;
    expect(JSON.parse(listed.out)[1]).toEqual({
      id: 2,
      name: 'globex',
      schema: 'globex',
      domain: 'globex.localhost',
    });
  });

  test('unknown words end with the usage and code 2', async () => {
    const ended = await run(['frobnicate']).ended;
    expect(ended.code).toBe(2);
    expect(ended.out).toContain('npm run legacy -- serve');
    expect((await run(['--frob']).ended).err).toBe("Unknown option '--frob'\n");
  });
});

describe('one clear sentence and code 1', () => {
  const sentences = async (args: readonly string[], more: Record<string, string>) => {
    const { code, err } = await run(args, more).ended;
    expect(code).toBe(1);
    expect(err).not.toMatch(/\n\s+at /);
    expect(err.trim().split('\n')).toHaveLength(1);
    return err.trim();
  };

  test('for a port that is taken', async () => {
    const port = await freePort();
    const squatter = createServer().listen(port, '127.0.0.1');
    expect(await sentences(['serve'], { LEGACY_PORT: String(port) })).toBe(
      `Port ${port} is taken by another program: stop it, or set LEGACY_PORT to a free port.`,
    );
    squatter.close();
  });

  test('for a database that cannot be reached, without its password', async () => {
    const port = await freePort();
    const url = `postgresql://me:hunter2@127.0.0.1:${port}/legacy`;
    const commands = ['serve', 'seed', 'migrate', 'tenants'];
    const said = await Promise.all(commands.map((word) => sentences([word], { LEGACY_DATABASE_URL: url })));
    for (const sentence of said)
      expect(sentence).toBe(
        `The legacy database legacy at 127.0.0.1:${port} cannot be used (connect ECONNREFUSED 127.0.0.1:${port}): start it or set LEGACY_DATABASE_URL.`,
      );
    expect(await sentences(['serve'], { LEGACY_DATABASE_URL: 'mysql://x' })).toMatch(
      /^LEGACY_DATABASE_URL is no address/,
    );
  });

  test('for settings that make no sense', async () => {
    const whole = 'it takes a whole number from 1 to 256.';
    const cases: [args: string[], settings: Record<string, string>, words: string][] = [
      [['serve'], { LEGACY_LANES: '0' }, `LEGACY_LANES is "0": ${whole}`],
      [['serve'], { LEGACY_PORT: '80a' }, 'LEGACY_PORT is "80a": it takes'],
      [['serve'], { AI_BASE_URL: 'ftp://x' }, 'AI_BASE_URL is "ftp://x": it takes'],
      [
        ['serve'],
        { LEGACY_FAULTS: 'all=fail' },
        'The fault "all=fail" cannot be understood: LEGACY_FAULTS is',
      ],
      [['seed', '--tenants', 'many'], {}, '--tenants takes a whole number, not "many".'],
    ];
    const said = await Promise.all(cases.map(([args, settings]) => sentences(args, settings)));
    expect(said).toEqual(cases.map(([, , words]) => expect.stringContaining(words)));
  });
});

describe('serve', () => {
  test('says where it listens in one line, and ends on SIGTERM with code 0', async () => {
    const port = await freePort();
    const served = run(['serve'], { LEGACY_PORT: String(port) });
    await served.listening;
    served.child.kill('SIGTERM');
    expect(await served.ended).toEqual({
      code: 0,
      out: `legacy listening on http://127.0.0.1:${port}\n`,
      err: '',
    });
  });

  test('of a demo leaves Ctrl-C to its parent, and ends when the parent goes away', async () => {
    const env = environment({ LEGACY_PORT: '0', BANYAN_CHILD: '1' });
    const served = watch(fork(MAIN, ['serve'], { env, silent: true, execArgv: [] }));
    await served.listening;
    served.child.kill('SIGINT');
    const first = await Promise.race([
      served.ended,
      new Promise((resolve) => setTimeout(() => resolve('still there'), 300)),
    ]);
    expect(first).toBe('still there');
    // 'close' does not come for a child whose channel was closed from here.
    const code = new Promise((resolve) => served.child.once('exit', resolve));
    served.child.disconnect();
    expect(await code).toBe(0);
  });

  test('ends on Ctrl-C when it stands alone', async () => {
    const served = run(['serve'], { LEGACY_PORT: '0' });
    await served.listening;
    served.child.kill('SIGINT');
    expect((await served.ended).code).toBe(0);
  });
});
