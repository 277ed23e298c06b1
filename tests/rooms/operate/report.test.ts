import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { escapeHtml, html, printHtml } from '../../../src/operate/diffs/report/html.ts';
import { type AdminHouse, openAdminHouse, TABLE } from './admin-house.ts';
import { differ, different, groupAt, notCompared, number, route, same, text } from './comparisons.ts';

const SHADOWED = TABLE.replaceAll('stage: legacy', 'stage: shadow').replace(
  'handle: ai/jobs',
  'handle: ai/jobs\n    mirror: { percent: 25, ignore: [/results/*/worker], tolerance: { /results/*/cost: 0.01 } }',
);

let house: AdminHouse;
let page: string;
beforeAll(async () => {
  house = await openAdminHouse({ table: SHADOWED });
  const { ledger } = house.store;
  await ledger.add([
    ...same('ai.jobs', 42_118),
    different('ai.jobs', { differences: [differ('/results/*/cost', 'precision', number(6), number(3))] }),
    ...same('chat.channels', 100),
    ...Array.from({ length: 4 }, () => different('chat.channels')),
    different('chat.channels', {
      differences: [
        differ(
          'status',
          'value',
          { type: 'number', length: 3, clear: '200' },
          { type: 'number', length: 3, clear: '404' },
        ),
      ],
      sample: { statuses: { legacy: 200, new: 404 }, replay: 'holds_a_secret' },
    }),
    ...notCompared('chat.channels', 'rows_behind', 30),
    ...notCompared('chat.channels', 'body_too_large', 2),
    ...same('ai.complete', 10),
  ]);
  for (const _twice of [1, 2]) await ledger.learnNoise(route('ai.jobs'), ['/results/*/host'], Date.now());
  const cost = await groupAt(ledger, 'ai.jobs', '/results/*/cost');
  const body = { state: 'accepted', author: 'ada', owner: 'grace', reason: 'finance agreed' };
  const until = new Date(Date.now() + 30 * 86_400_000).toISOString();
  await house.ask(`/api/diffs/${cost.id}/triage`, { body: { ...body, until } });
  page = (await house.ask('/api/diffs/report.html')).text;
});
afterAll(() => house.close());

/** What a reader sees of a part of the page, without the markup. */
function read(part: string): string {
  return part.replaceAll(/<[^>]+>/g, ' ').replaceAll(/\s+/g, ' ');
}
const sectionOf = (id: string) =>
  read(page.split(`id="route-${id}"`)[1]?.split('<section class="route"')[0] ?? '');

describe('the report', () => {
  test('begins with the verdict of each route, those that want work first', () => {
    const [head = ''] = page.split('<section class="route"');
    expect(read(head)).toContain(
      '1 route differs, 2 routes have not enough data, 1 route agrees. 42,234 comparisons in all.',
    );
    const order = [...page.matchAll(/<section class="route" id="route-([^"]+)"/g)].map(([, id]) => id);
    expect(order).toEqual(['chat.channels', 'ai.complete', 'files.list', 'ai.jobs']);
    expect(page).toContain(house.decide.pin().revision);
  });

  test('says in words what a verdict means and what to do next', () => {
    expect(sectionOf('ai.jobs')).toContain(
      'In 42,119 comparisons nothing differed that counts. If more than 1 in 14,000 requests (0.007 %) differed, that would have been seen with 95 % certainty. It can go to canary.',
    );
    expect(sectionOf('chat.channels')).toContain('5 answers of 105 comparisons differed (4.76 %).');
    expect(sectionOf('chat.channels')).toContain(
      '2 groups below want a decision: a bug, accepted, or noise.',
    );
    expect(sectionOf('ai.complete')).toContain('10 comparisons so far: too few to say anything.');
    expect(sectionOf('files.list')).toContain('Nothing has been compared in this time.');
  });

  test('shows each group with its triage and a sample side by side, the differing place marked in words', () => {
    const told = sectionOf('chat.channels');
    expect(told).toContain('The type of /results/*/topic in the body differs: string → null.');
    expect(told).toContain('topic differs text, 9 characters null');
    expect(told).toContain('status differs 200 404');
    expect(told).toContain('cannot be run again: it holds a secret');
    expect(told.match(/topic differs/g)).toHaveLength(1);
    expect(sectionOf('ai.jobs')).toMatch(/Accepted until \d+ \w+ \d{4}\. “finance agreed” grace,/);
  });

  test('says what was not compared and why, what is noise, by which rules, and how it was measured', () => {
    expect(sectionOf('chat.channels')).toContain('Not compared: 32 (23.36 %)');
    expect(sectionOf('chat.channels')).toContain('legacy’s rows had not arrived in time rows_behind 30');
    expect(sectionOf('ai.jobs')).toContain('/results/*/host');
    expect(sectionOf('ai.jobs')).toMatch(
      /25 % .*left out \/results\/\*\/worker .*tolerance \/results\/\*\/cost ± 0\.01/,
    );
    expect(read(page)).toContain('Clopper and Pearson, one-sided');
  });

  test('is one file that asks nothing of the net and may run nothing', () => {
    const style = /<style>([\s\S]*)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page.replaceAll('&#39;', "'")).toContain(`default-src 'none'; style-src 'sha256-${hash}'`);
    expect(page).not.toMatch(/<(script|img|link|iframe|object|embed|base|form)\b/i);
    expect(page).not.toMatch(/\s(src|style|on\w+)=/i);
    expect([...page.matchAll(/href="([^"]*)"/g)].every(([, href]) => href?.startsWith('#'))).toBe(true);
    expect(page).not.toMatch(/url\(|@import|https?:/);
  });

  test('of one route has that route only, and of an unknown one is refused', async () => {
    const one = await house.ask('/api/diffs/report.html?route=ai.jobs&since=7d');
    expect([one.status, one.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(one.text.match(/<section class="route"/g)).toHaveLength(1);
    expect((await house.ask('/api/diffs/report.html?route=ai.jbos')).status).toBe(404);
  });

  test('is there, too, where nothing was compared', async () => {
    const empty = await openAdminHouse();
    const answer = await empty.ask('/api/diffs/report.html');
    await empty.close();
    expect([answer.status, read(answer.text)]).toEqual([
      200,
      expect.stringContaining('No route is in shadow, and nothing was compared in this time.'),
    ]);
  });
});

describe('what comes from outside', () => {
  const HOSTILE = [
    '</title><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    '&lt;script&gt;',
    '</style><svg onload=alert(1)>',
    'a\u202egpj.exe\u0000\u001b[2J',
    '`+alert(1)+`',
  ];

  test('is text wherever it stands: paths, reasons, names, requests', async () => {
    const other = await openAdminHouse({ table: SHADOWED });
    const { ledger } = other.store;
    await ledger.add(
      HOSTILE.map((hostile) =>
        different('chat.channels', {
          differences: [differ(`/${hostile}`, 'value', { type: 'string', clear: hostile }, text(3))],
          sample: {
            path: `/api/${hostile}`,
            tenant: hostile as never,
            requestId: hostile as never,
            method: hostile,
            effects: [hostile],
            skeletons: {
              legacy: JSON.stringify({
                body: { [hostile]: { type: 'string', clear: hostile }, __proto__: 1 },
              }),
              new: JSON.stringify({ body: { [hostile]: text(3) } }),
            },
          },
        }),
      ),
    );
    await ledger.learnNoise(route('chat.channels'), HOSTILE, Date.now());
    await ledger.learnNoise(route('chat.channels'), HOSTILE, Date.now());
    const groups = await ledger.listGroups({ sinceMs: 0 });
    for (const [at, { id }] of groups.entries()) {
      const said = HOSTILE[at % HOSTILE.length] ?? '';
      await ledger.triage(id, { state: 'bug', author: said, owner: said, reason: said });
    }
    const { text: written } = await other.ask('/api/diffs/report.html');
    await other.close();
    const markup = written.replace(/<style>[\s\S]*?<\/style>/, '');
    expect(groups.length).toBe(HOSTILE.length);
    expect(markup).not.toMatch(/<(script|img|svg onload|style)/i);
    const tags = [...markup.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
    expect(tags.filter((tag) => /alert|onerror|onfocus|onload/.test(tag))).toEqual([]);
    expect(['\u202e', '\u0000', '\u001b'].filter((control) => markup.includes(control))).toEqual([]);
    expect(markup).toContain('&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(markup).toContain('&amp;lt;script&amp;gt;');
  });

  test('cannot pass for a piece of a page', () => {
    const forged = { toString: () => '<b>', made: '<b>' } as never;
    expect(
      printHtml(html`<p title="${'"<&>\''}">${'<b>'}${1}${[html`<i>${'&'}</i>`, undefined, false]}</p>`),
    ).toBe('<p title="&quot;&lt;&amp;&gt;&#39;">&lt;b&gt;1<i>&amp;</i></p>');
    expect(() => printHtml(html`${forged}`)).toThrow();
    expect(escapeHtml('a\u0000b\u202ec\nd')).toBe('a\ufffdb\ufffdc\nd');
  });
});
