import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { editTable, readTable, tableJsonSchema } from '../../../src/decide/index.ts';
import { buildProgram } from '../../../src/operate/command-line/run-command-line.ts';
import { type CommandLineParts, openTableTexts } from '../../../src/operate/index.ts';
import { freePort } from '../../support/free-port.ts';
import { NO_TENANTS } from '../../support/tenants.ts';
import { type AdminHouse, openAdminHouse, runBanyan, TABLE } from './admin-house.ts';

let house: AdminHouse;
beforeAll(async () => {
  house = await openAdminHouse();
});
afterEach(() => house.writeTable(TABLE));
afterAll(() => house.close());

const flags = ['--reason', 'the tests want it'];

describe('banyan validate', () => {
  test('says what a good table has', async () => {
    const ran = await house.banyan('validate', house.file);
    expect(ran).toEqual({ code: 0, out: `${house.file} is good: 4 routes, 3 features, 2 flags.\n`, err: '' });
  });

  test('lists every mistake of a bad one with line and column, and exits 1', async () => {
    const bad = join(house.file, '..', 'bad.yaml');
    writeFileSync(
      bad,
      TABLE.replace('stage: legacy', 'stage: lgacy').replace('feature: chat', 'feature: chta'),
    );
    const ran = await house.banyan('validate', bad);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/bad\.yaml:14:12: .*did you mean "legacy"/);
    expect(ran.out).toMatch(/bad\.yaml:23:14: .*did you mean "chat"/);
    const json = JSON.parse((await house.banyan('validate', bad, '--json')).out);
    expect(json).toMatchObject({
      good: false,
      mistakes: [
        { line: 14, column: 12 },
        { line: 23, column: 14 },
      ],
    });
  });

  test('says so when there is no such file', async () => {
    const ran = await house.banyan('validate', '/nowhere/table.yaml');
    expect([ran.code, ran.err]).toEqual([
      1,
      '/nowhere/table.yaml cannot be read. Name a route table, or set BANYAN_CONFIG.\n',
    ]);
  });
});

describe('banyan routes', () => {
  test('prints one line of tab-separated cells for each route into a pipe', async () => {
    const ran = await house.banyan('routes');
    expect(ran.out.split('\n')[0]).toBe(
      'ai.complete\tPOST\t/api/ai/completions/\tai\tlegacy\tai-engine 0 %\tclosed',
    );
    expect(ran.out.split('\n').length).toBe(5);
  });

  test('prints aligned columns under a header on a screen, without colour where NO_COLOR is set', async () => {
    const wide = await openAdminHouse({ screen: { columns: 120 } });
    const ran = await wide.banyan('routes');
    await wide.close();
    const esc = String.fromCharCode(27);
    const [header, first] = ran.out.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), '').split('\n');
    expect(ran.out).toContain(`${esc}[2m`);
    expect(header?.indexOf('STAGE')).toBe(first?.indexOf('legacy'));
  });

  test('reads a file without any gateway', async () => {
    const ran = await banyanAlone('routes', '--file', house.file, '--json');
    expect(JSON.parse(ran.out).routes.map(({ id }: { id: string }) => id)).toEqual([
      'ai.complete',
      'ai.jobs',
      'chat.channels',
      'files.list',
    ]);
  });
});

describe('banyan explain', () => {
  test('names route, stage, flag, bucket, breaker, side, and what would change it', async () => {
    await house.banyan('flip', 'ai', 'canary', '--tenant', 'acme', ...flags);
    const { out, code } = await house.banyan('explain', 'get', '/api/ai/jobs/?page=2', '--tenant', 'acme');
    expect(code).toBe(0);
    const told = new Map(
      out
        .trim()
        .split('\n')
        .map((line) => line.split('\t') as [string, string]),
    );
    expect(told.get('request')).toBe('GET /api/ai/jobs/');
    expect(told.get('route')).toBe('ai.jobs, /api/ai/jobs/');
    expect(told.get('stage')).toBe('canary');
    expect(told.get('flag')).toBe('ai-engine at 0 %: on, by its list of tenants');
    expect(told.get('bucket')).toMatch(/^\d+\.\d\d$/);
    expect(told.get('breaker')).toBe('closed');
    expect(told.get('answers')).toBe('new');
    expect(told.get('because')).toContain('(flag_on)');
    expect(told.get('to change it')).toContain('acme');
  });

  test('says the same offline by the file as by the gateway', async () => {
    const question = ['explain', 'GET', '/api/ai/jobs/', '--tenant', 'globex', '--json'] as const;
    const [online, offline] = [
      await house.banyan(...question),
      await banyanAlone(...question, '--file', house.file),
    ];
    expect(JSON.parse(offline.out)).toEqual(JSON.parse(online.out));
  });
});

describe('banyan flip and undo', () => {
  test('change the table and put it back, each saying what it did', async () => {
    const done = await house.banyan(
      'flip',
      'chat',
      'canary',
      '--percent',
      '10%',
      '--tenant',
      'acme,globex',
      ...flags,
    );
    expect(done.out).toMatch(
      /^Route chat\.channels goes from legacy to canary\.\nFlag chat-new goes from 0 % to 10 %, takes in acme, globex\.\nFlip \d+ is in force/,
    );
    const undone = await house.banyan('undo');
    expect(undone.out).toMatch(/Route chat\.channels goes from canary to legacy\..*Flip \d+ is taken back/s);
    expect(house.readTable()).toBe(TABLE);
    const { flips } = (await house.ask('/api/flips?limit=2')).json;
    expect(flips.map(({ author }: { author: string }) => author)).toEqual(['tester', 'tester']);
  });

  test('as a dry run shows the lines and changes nothing', async () => {
    const ran = await house.banyan('flip', 'ai.jobs', 'shadow', '--dry-run');
    expect(ran.out).toContain(
      'ai.jobs: Legacy answers everyone; the new side is asked afterwards and compared.',
    );
    expect(ran.out).toContain('+     stage: shadow');
    expect(house.readTable()).toBe(TABLE);
  });

  test('are refused by the gateway with one sentence and exit 1, or its problem with --json', async () => {
    const ran = await house.banyan('flip', 'files', 'canary', ...flags);
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(ran.err).toMatch(/^The flip cannot be made: .*flag.*\n$/);
    const json = await house.banyan('flip', 'ai.complte', 'shadow', ...flags, '--json');
    expect(JSON.parse(json.err)).toMatchObject({
      code: 'route_unknown',
      detail: expect.stringContaining('"ai.complete"'),
    });
  });
});

describe('banyan keys', () => {
  test('prints a new key alone on stdout, lists it without, and revokes it', async () => {
    const made = await house.banyan(
      'keys',
      'create',
      '--tenant',
      'acme',
      '--user',
      '1',
      '--scope',
      'qa',
      '--expires',
      '90d',
      '--label',
      'a\u001b[2Jb',
    );
    expect(made.out).toMatch(/^byn_test_[0-9A-Za-z]{38}\n$/);
    const id = made.out.slice(0, 17);
    const listed = await house.banyan('keys', 'list');
    expect(listed.out).toContain(`${id}\tacme\t1\tqa\tactive\t`);
    expect(listed.out).not.toContain('\u001b');
    expect((await house.banyan('keys', 'revoke', id)).out).toMatch(/is revoked since \d{4}-/);
    const gone = await house.banyan('keys', 'revoke', 'byn_test_00000000');
    expect([gone.code, gone.err]).toEqual([1, expect.stringContaining('No API key has the id')]);
  });
});

describe('the command line', () => {
  test.each([
    ['an unknown command', ['flp'], 'Did you mean flip?'],
    ['an unknown option', ['routes', '--jsn'], 'Did you mean --json?'],
    ['an unknown stage', ['flip', 'ai', 'canray'], 'Did you mean "canary"?'],
    ['a percentage beyond', ['flip', 'ai', 'canary', '--percent', '140'], 'from 0 to 100'],
    ['a flip without a reason', ['flip', 'ai', 'canary'], '--reason'],
    ['a missing argument', ['explain', 'GET'], "missing required argument 'path'"],
    ['a tenant in capitals', ['explain', 'GET', '/', '--tenant', 'Acme'], 'lower-case'],
    [
      'an expiry that is none',
      ['keys', 'create', '--tenant', 'acme', '--user', '1', '--expires', 'soon'],
      '90d',
    ],
    ['too many tenants', ['demo', '--tenants', '99999'], '5000'],
    ['one argument too many', ['undo', 'now'], 'too many arguments'],
  ])('answers %s with exit 2 and what was meant', async (_what, argv, hint) => {
    const ran = await house.banyan(...argv);
    expect([ran.code, ran.out]).toEqual([2, '']);
    expect(ran.err).toContain(hint);
    expect(ran.err).toMatch(/See: banyan.* --help/);
  });

  test('says in one sentence that no gateway answers, and exits 1', async () => {
    const env = { BANYAN_ADMIN_TOKEN: 'x', ADMIN_PORT: String(await freePort()) };
    const ran = await runBanyan(['routes'], PARTS, env);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(
      /^No gateway answers at http:\/\/127\.0\.0\.1:\d+\. Start one with "banyan serve".*\n$/,
    );
  });

  test.each([
    ['the wrong token', () => house.url, { BANYAN_ADMIN_TOKEN: 'wrong' }, /does not know this admin token/],
    ['no token', () => house.url, { BANYAN_DATA_DIR: '/nowhere' }, /^No admin token: set BANYAN_ADMIN_TOKEN/],
    ['no address', () => 'localhost', { BANYAN_ADMIN_TOKEN: 'x' }, /BANYAN_ADMIN_URL is "localhost"/],
  ])('says in one sentence that it has %s', async (_what, url, env, sentence) => {
    const ran = await runBanyan(['routes'], PARTS, { BANYAN_ADMIN_URL: url(), ...env });
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(ran.err).toMatch(sentence);
  });

  test('says so when something else answers there', async () => {
    const other = createServer((_req, res) => res.end('<html>')).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const env = {
      BANYAN_ADMIN_TOKEN: 'x',
      BANYAN_ADMIN_URL: `http://127.0.0.1:${(other.address() as AddressInfo).port}`,
    };
    const ran = await runBanyan(['routes'], PARTS, env);
    other.closeAllConnections();
    other.close();
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('is no admin door of Banyan')]);
  });

  test('takes the token from the file that the demo writes', async () => {
    const folder = join(house.file, '..');
    writeFileSync(join(folder, 'admin-token'), 'admin-token-of-the-tests\n');
    const ran = await runBanyan(['routes'], PARTS, { BANYAN_ADMIN_URL: house.url, BANYAN_DATA_DIR: folder });
    expect(ran.code).toBe(0);
  });

  test('hands serve and demo on with what was typed, and ends with their exit code', async () => {
    const asked: unknown[] = [];
    const parts: CommandLineParts = {
      ...PARTS,
      serve: async (options) => {
        asked.push(options);
        return 0;
      },
      demo: async (options) => {
        asked.push(options);
        return 1;
      },
    };
    const codes = [
      await runBanyan(['serve', '--json'], parts, {}),
      await runBanyan(['demo', '--fresh', '--tenants', '400'], parts, {}),
    ].map(({ code }) => code);
    expect(codes).toEqual([0, 1]);
    expect(asked).toEqual([
      { output: 'json', sharing: 'alone' },
      { output: 'text', fresh: true, tenants: 400 },
    ]);
  });

  test('prints the JSON Schema that the table is checked against', async () => {
    expect(JSON.parse((await banyanAlone('schema')).out)).toEqual(
      JSON.parse(JSON.stringify(tableJsonSchema())),
    );
  });

  test('prints JSON and nothing else with --json, also below a group', async () => {
    for (const argv of [
      ['routes'],
      ['keys', 'create', '--tenant', 'acme', '--user', '1'],
      ['keys', 'list'],
      ['explain', 'GET', '/api/ai/jobs/'],
    ]) {
      const { out, code } = await house.banyan(...argv, '--json');
      expect([argv.join(' '), code, typeof JSON.parse(out)]).toEqual([argv.join(' '), 0, 'object']);
    }
  });

  test('has --json and a help with an example on each command, and each is in docs/command-line.md', async () => {
    const page = readFileSync('docs/command-line.md', 'utf8');
    const program = buildProgram({
      terminal: {
        out: () => undefined,
        err: () => undefined,
        screen: undefined,
        env: {},
        userName: 'x',
        readFile: async () => '',
        writeFile: async () => undefined,
        listFiles: async () => [],
      },
      parts: PARTS,
      finish: () => undefined,
    });
    const names = program.commands.flatMap((command) => [
      command.name(),
      ...command.commands.map((child) => `${command.name()} ${child.name()}`),
    ]);
    for (const name of names) {
      const { out, code } = await banyanAlone(...name.split(' '), '--help');
      const hasJson = GROUPS.has(name) || out.includes('--json');
      expect([name, code, hasJson, /Example:\n {2}\$ .*banyan /.test(out)]).toEqual([name, 0, true, true]);
    }
    const listed = [...page.matchAll(/^## banyan (.+)$/gm)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(names.filter((name) => !GROUPS.has(name)).toSorted());
  });
});

/** They only group others; `diffs` is a command, too. */
const GROUPS: ReadonlySet<string> = new Set(['keys', 'move', 'tenants']);

const PARTS: CommandLineParts = {
  serve: async () => 0,
  demo: async () => 0,
  migrate: async () => [],
  follow: async () => ({ slot: 'made', tenants: 0, rows: 0, failed: [], ended: 'whole', notFollowed: [] }),
  drift: { read: async () => ({ tenants: 0, tables: 0, mapping: [], findings: [] }), describe: () => [] },
  tenants: NO_TENANTS,
  texts: openTableTexts({ readTable, editTable, tableJsonSchema }, {}),
  explainFile: async (file, question) => {
    const { openDecide } = await import('../../../src/decide/index.ts');
    const offline = await openDecide({
      file,
      handlers: ['ai/complete', 'ai/jobs', 'chat/channels', 'files/list'],
      emit: () => undefined,
    });
    const told = offline.explain(question);
    await offline.close();
    return told;
  },
  version: '0.0.0-test',
};

/** Without any gateway to ask. */
function banyanAlone(...argv: readonly string[]) {
  return runBanyan(argv, PARTS, { BANYAN_ADMIN_URL: 'http://127.0.0.1:1', BANYAN_ADMIN_TOKEN: 'x' });
}
