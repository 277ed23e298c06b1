import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { DiffGroup } from '../../../src/vocabulary/index.ts';
import { type AdminHouse, openAdminHouse, TABLE } from './admin-house.ts';
import { ABSENT, differ, different, groupAt, number, same, text } from './comparisons.ts';

// A route that is called like a subcommand has to be reached, too.
const ODD = `${TABLE}  - id: show
    match: { method: GET, path: /api/show/ }
    stage: shadow
    handle: files/list
`;

let house: AdminHouse;
let screen: AdminHouse;
let topic: DiffGroup;
let folder: string;
beforeAll(async () => {
  house = await openAdminHouse({ table: ODD });
  screen = await openAdminHouse({ table: ODD, screen: { columns: 140 } });
  folder = mkdtempSync(join(tmpdir(), 'banyan-diffs-'));
  for (const { store } of [house, screen])
    await store.ledger.add([
      ...same('chat.channels', 1_000),
      ...Array.from({ length: 3 }, () => different('chat.channels')),
      ...same('ai.jobs', 40_000),
    ]);
  topic = await groupAt(house.store.ledger, 'chat.channels', '/results/*/topic');
});
afterEach(() => house.banyan('diffs', 'reopen', topic.id));
afterAll(async () => {
  await Promise.all([house.close(), screen.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const PLAIN = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');

describe('banyan diffs', () => {
  test('prints the verdicts first and then the groups, as cells in a pipe', async () => {
    const { code, out, err } = await house.banyan('diffs');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect([code, err]).toEqual([0, '']);
    expect(lines.map(([what, name, kind]) => [what, name, kind])).toEqual([
      ['route', 'chat.channels', 'different'],
      ['route', 'show', 'not_enough_data'],
      ['route', 'ai.jobs', 'clean'],
      ['group', topic.id, 'chat.channels'],
    ]);
    expect(lines[2]?.[6]).toBe('40,000 comparisons, 0 different, upper bound 0.007 % (95 %)');
    expect(lines[3]?.slice(3, 7)).toEqual(['/results/*/topic', 'type', 'string → null', '3']);
  });

  test('prints a table on a screen', async () => {
    const out = (await screen.banyan('diffs', 'chat.channels')).out.replaceAll(PLAIN, '');
    const [verdict, blank, header, row] = out.split('\n');
    expect(verdict).toMatch(/^chat\.channels {2}1,003 comparisons, 3 different/);
    expect([blank, header?.indexOf('PATH')]).toEqual(['', row?.indexOf('/results/*/topic')]);
    expect(row).toMatch(/just now +open$/);
  });

  test('gates: 0 where every route keeps the limit, 1 where one does not or too little is known', async () => {
    const gate = (...argv: readonly string[]) => house.banyan('diffs', ...argv);
    const good = await gate('ai.jobs', '--max-rate', '0.01%', '--min', '1000');
    expect([good.code, good.out.split('\n')[0]]).toEqual([0, 'verdict\tgood: not above 0.01 % on 1 route']);
    const above = await gate('chat.channels', '--max-rate', '0.1%');
    expect([above.code, above.out.split('\n')[0]]).toEqual([
      1,
      'verdict\tfalls short of 0.1 % on 1 of 1 route: chat.channels',
    ]);
    expect((await gate('ai.jobs', '--max-rate', '0.01%', '--min', '50000')).code).toBe(1);
    expect((await gate('ai.jobs', '--max-rate', '0.005%')).code).toBe(1);
    expect((await gate('--max-rate', '0.1%')).out).toContain('on 2 of 3 routes: chat.channels, show');
    expect((await gate('chat.channels', '--max-rate', '2')).code).toBe(0);
    const json = await gate('chat.channels', '--max-rate', '0.1', '--json');
    expect([json.code, JSON.parse(json.out).passed]).toEqual([1, false]);
    expect(JSON.parse((await gate('--json')).out).passed).toBe(null);
  });

  test('is no proof where nothing was compared at all', async () => {
    const empty = await openAdminHouse();
    const ran = await empty.banyan('diffs', '--max-rate', '5%');
    await empty.close();
    expect([ran.code, ran.out]).toEqual([1, expect.stringContaining('falls short: no route is in shadow')]);
  });

  test('reaches a route that is called like a subcommand', async () => {
    const ran = await house.banyan('diffs', '--route', 'show', '--json');
    expect(JSON.parse(ran.out).routes.map(({ route }: { route: string }) => route)).toEqual(['show']);
  });

  test('writes the report', async () => {
    const file = join(folder, 'new', 'report.html');
    const ran = await house.banyan('diffs', 'chat.channels', '--html', file);
    expect([ran.code, ran.err]).toEqual([0, `The report is in ${file}.\n`]);
    const page = readFileSync(file, 'utf8');
    expect(page).toContain('<!doctype html>');
    expect(page).not.toContain('ai.jobs');
  });

  test.each([
    ['a route that nobody knows', ['diffs', 'chat.chanels'], 1, 'Did you mean "chat.channels"?'],
    ['a time that is none', ['diffs', '--since', 'monday'], 2, '30m, 1h, 7d'],
    ['a rate beyond', ['diffs', '--max-rate', '101%'], 2, '0.1%'],
    ['no comparisons', ['diffs', '--min', '0'], 2, 'whole number'],
    ['two routes', ['diffs', 'ai.jobs', '--route', 'ai.complete'], 2, 'once'],
    ['one word too many', ['diffs', 'ai.jobs', 'ai.complete'], 2, 'too many arguments'],
    ['a group that is not there', ['diffs', 'show', 'ffffffffffff'], 1, 'no group "ffffffffffff"'],
    ['no reason', ['diffs', 'accept', '0123456789ab', '--until', '30d'], 2, '--reason'],
    ['no end', ['diffs', 'accept', '0123456789ab', '--reason', 'x'], 2, '--until'],
    [
      'too many minutes',
      ['diffs', 'unlock', '0123456789ab', '--reason', 'x', '--minutes', '61'],
      2,
      '1 to 60',
    ],
    ['no folder', ['diffs', 'export'], 2, '--to'],
    ['nothing to replay', ['replay'], 2, 'name a group'],
  ])('answers %s with what was meant', async (_what, argv, code, words) => {
    const ran = await house.banyan(...argv);
    expect([ran.code, ran.out]).toEqual([code, '']);
    expect(ran.err).toContain(words);
  });
});

describe('banyan diffs show', () => {
  test('shows a group in words, and its samples with the differing place marked', async () => {
    const { code, out } = await house.banyan('diffs', 'show', topic.id, '--limit', '1');
    expect(code).toBe(0);
    expect(out).toContain('story\tThe type of /results/*/topic in the body differs: string → null.');
    expect(out).toContain('replay\tcan be run again');
    const marked = out.split('\n').filter((line) => line.startsWith('!'));
    expect(marked).toEqual(['!       topic\ttext, 9 characters\tnull']);
  });

  test('takes --json before and behind the word, and reveals nothing without an unlock', async () => {
    for (const argv of [
      ['diffs', '--json', 'show', topic.id],
      ['diffs', 'show', topic.id, '--json'],
    ])
      expect(JSON.parse((await house.banyan(...argv)).out).id).toBe(topic.id);
    const locked = await house.banyan('diffs', 'show', topic.id, '--reveal');
    expect([locked.code, locked.out]).toEqual([1, '']);
    expect(locked.err).toContain('/unlock');
    house.replays.values = [{ path: '/results/*/topic', legacy: '"lunch\u001b[2J"', new: 'null' }];
    const unlocked = await house.banyan(
      'diffs',
      'unlock',
      topic.id,
      '--reason',
      'to see it',
      '--minutes',
      '2',
    );
    expect(unlocked.out).toMatch(/^Unlocked until \d{4}-\d\d-\d\d \d\d:\d\d UTC\. Look: banyan diffs show/);
    const shown = await house.banyan('diffs', 'show', topic.id, '--reveal', '--limit', '1');
    expect(shown.out).toContain('/results/*/topic\t"lunch [2J"\tnull');
  });
});

describe('banyan diffs accept, bug, noise, reopen and audit', () => {
  test('say what a group is, and the audit log keeps it', async () => {
    const said = [
      await house.banyan(
        'diffs',
        'accept',
        topic.id,
        '--reason',
        'agreed',
        '--until',
        '30d',
        '--owner',
        'grace',
      ),
      await house.banyan('diffs', 'bug', topic.id, '--reason', 'no join'),
      await house.banyan('diffs', 'noise', topic.id),
      await house.banyan('diffs', 'reopen', topic.id, '--author', 'ada'),
    ];
    const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    expect(said.map(({ code, out }) => [code, out])).toEqual([
      [0, `Group ${topic.id} of chat.channels is accepted until ${day}, and does not count.\n`],
      [0, `Group ${topic.id} of chat.channels is a bug, and counts.\n`],
      [0, `Group ${topic.id} of chat.channels is noise, and does not count.\n`],
      [0, `Group ${topic.id} of chat.channels is open, and counts.\n`],
    ]);
    const { out } = await house.banyan('diffs', 'audit', '--limit', '4');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(lines.map(([, who, group]) => [who, group])).toEqual([
      ['ada', topic.id],
      ['tester', topic.id],
      ['tester', topic.id],
      ['tester', topic.id],
    ]);
    expect(lines[3]?.[4]).toBe('agreed');
  });

  test('accept nothing for longer than 180 days', async () => {
    const ran = await house.banyan('diffs', 'accept', topic.id, '--reason', 'ever', '--until', '1y');
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('more than 180 days ahead')]);
  });
});

describe('banyan replay', () => {
  test('exits 0 where both sides agree now, and 1 where one sample still differs or none could be compared', async () => {
    const agreed = await house.banyan('replay', topic.id, '--limit', '2');
    expect([agreed.code, agreed.out.split('\n')[0]]).toEqual([
      0,
      'verdict\t2 run again: 2 alike, 0 still different, 0 not compared',
    ]);
    const [first] = JSON.parse((await house.banyan('replay', 'chat.channels', '--json')).out).results;
    house.replays.answer = ({ id, route }) =>
      id === first.sample
        ? {
            sample: id,
            route,
            verdict: 'different',
            differences: [differ('/count', 'value', number(1), text(3))],
          }
        : { sample: id, route, verdict: 'same' };
    const one = await house.banyan('replay', 'chat.channels');
    expect([one.code, one.out]).toEqual([1, expect.stringContaining('still differs: /count')]);
    house.replays.answer = ({ id, route }) => ({
      sample: id,
      route,
      verdict: 'not_compared',
      reason: 'no_key',
    });
    const none = await house.banyan('replay', first.sample);
    expect([none.code, none.out]).toEqual([1, expect.stringContaining('1 run again: 0 alike')]);
  });

  test('says so where no sample is kept', async () => {
    const ran = await house.banyan('replay', '--route', 'ai.jobs');
    expect([ran.code, ran.err]).toEqual([1, 'No sample of it is kept, so nothing was run again.\n']);
  });
});

describe('banyan diffs export', () => {
  test('writes a masked fixture for each accepted group, the test that reads them, and what Jest needs', async () => {
    const to = join(folder, 'contract');
    const none = await house.banyan('diffs', 'export', '--to', to);
    expect([none.code, existsSync(to)]).toEqual([1, false]);
    await house.store.ledger.add([
      different('files.list', {
        differences: [differ('header:vary', 'missing', text(6), ABSENT)],
        sample: { path: '/api/files/?…', sealed: Buffer.from('sealed values') },
      }),
    ]);
    const vary = await groupAt(house.store.ledger, 'files.list', 'header:vary');
    for (const { id } of [topic, vary])
      await house.banyan('diffs', 'accept', id, '--reason', 'agreed', '--until', '30d');
    const ran = await house.banyan('diffs', 'export', '--to', to);
    expect([ran.code, ran.out.trim().split('\n').toSorted()]).toEqual([
      0,
      [
        join(to, `chat.channels.${topic.id}.json`),
        join(to, `files.list.${vary.id}.json`),
        join(to, 'package.json'),
        join(to, 'shadow-fixtures.test.mjs'),
      ].toSorted(),
    ]);
    const fixture = JSON.parse(readFileSync(join(to, `files.list.${vary.id}.json`), 'utf8'));
    expect(fixture).toMatchObject({
      route: 'files.list',
      about: 'The new side leaves out the header vary.',
      allowed: [{ path: 'header:vary', kind: 'missing', state: 'accepted', reason: 'agreed', by: 'tester' }],
      samples: [
        {
          request: { method: 'GET', path: '/api/files/?…', tenant: 'acme' },
          left_out: 'its query is not kept',
          legacy: { status: 200 },
        },
      ],
    });
    expect(JSON.stringify(fixture)).not.toContain('sealed');
  });

  test('of one route leaves the others’ files alone, and names them', async () => {
    const to = join(folder, 'contract');
    await house.banyan('diffs', 'accept', topic.id, '--reason', 'agreed', '--until', '30d');
    const ran = await house.banyan('diffs', 'export', 'chat.channels', '--to', to, '--json');
    expect(JSON.parse(ran.out).written).toHaveLength(2);
    expect(ran.err).toMatch(/^Not of this export, perhaps out of date: files\.list\.[0-9a-f]{12}\.json\n$/);
  });
});
