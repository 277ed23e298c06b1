import { afterEach, describe, expect, test } from '@jest/globals';
import { editTable, printMistake, readTable, type TableChange } from '../../../src/decide/index.ts';
import type { RouteId, Side, TenantName } from '../../../src/vocabulary/index.ts';
import { type Bench, callerOf, openBench, PLAIN } from './support.ts';

let bench: Bench | undefined;
afterEach(() => bench?.close());

type Words = Readonly<{ feature?: string; jobs?: string; stage?: string }>;
const table = ({ feature = '', jobs = '', stage = 'new' }: Words = {}) => `version: 1 # the format
flags: { ai-engine: { percent: 100 } }
features:
  ai: { flag: ai-engine${feature}, tables: [ai_job] }
routes:
  - id: ai.complete # the busiest
    match: { method: POST, path: /api/ai/completions/ }
    feature: ai
    stage: canary # for now
    handle: ai/complete
    mirror: {}
  - id: ai.jobs
    match: { method: GET, path: /api/ai/jobs/ }
    feature: ai
    stage: ${stage}
${jobs}    handle: ai/jobs
    mirror: {}
`;
const FORCED = ', force: legacy';
const OWN = '    force: legacy\n';

const QUESTIONS = [
  ['POST', '/api/ai/completions/'],
  ['GET', '/api/ai/jobs/'],
] as const;

async function ask(text: string, wish?: Side) {
  bench = await openBench(text);
  const { decide } = bench;
  const snapshot = decide.pin();
  const decisions = QUESTIONS.map(([method, path]) =>
    decide.decide(snapshot, decide.match(snapshot, method, path), callerOf('acme', ['qa']), {
      ...PLAIN,
      wish,
    }),
  );
  return decisions.map(({ side, reason, shadow }) => `${side} ${reason} ${shadow ?? 'nobody'}`);
}

describe('force: legacy', () => {
  const HELD = 'legacy forced_legacy nobody';

  test('on a feature beats stage and flag of all its routes, and nobody is asked afterwards', async () => {
    expect(await ask(table())).toEqual(['new flag_on nobody', 'new stage_new legacy']);
    await bench?.close();
    expect(await ask(table({ feature: FORCED }))).toEqual([HELD, HELD]);
    await bench?.close();
    expect(await ask(table({ feature: FORCED, stage: 'shadow' }))).toEqual([HELD, HELD]);
  });

  test('on a route concerns that route', async () => {
    expect(await ask(table({ jobs: OWN }))).toEqual(['new flag_on nobody', HELD]);
  });

  test('beats a tester’s wish for the new side, too', async () => {
    expect(await ask(table({ feature: FORCED }), 'new')).toEqual([HELD, HELD]);
  });

  test('does not ask the flag, nor the breaker', async () => {
    let asked = 0;
    const newSide = {
      isResting: () => {
        asked += 1;
        return true;
      },
      state: () => 'open' as const,
    };
    bench = await openBench(table({ feature: FORCED }), { newSide });
    const { decide } = bench;
    const snapshot = decide.pin();
    const match = decide.match(snapshot, 'POST', '/api/ai/completions/');
    const decision = decide.decide(snapshot, match, callerOf('acme'), PLAIN);
    expect([decision.reason, decision.flag, asked]).toEqual(['forced_legacy', undefined, 0]);
  });

  test('is explained, with who forces and how it ends', async () => {
    bench = await openBench(table({ feature: FORCED }));
    const question = { method: 'POST', path: '/api/ai/completions/', tenant: 'acme' as TenantName };
    expect(bench.decide.explain(question)).toMatchObject({
      side: 'legacy',
      reason: 'forced_legacy',
      forcedBy: 'feature',
      flag: { isAsked: false },
      why: 'The table forces the route to legacy, so legacy answers, whatever stage, flag and testers say.',
      wouldChange: ['Ending it, by banyan flip ai --release, or by taking force: legacy out of feature ai.'],
    });
    await bench.close();
    bench = await openBench(table({ jobs: OWN }));
    expect(bench.decide.explain({ method: 'GET', path: '/api/ai/jobs/' })).toMatchObject({
      forcedBy: 'route',
      wouldChange: [expect.stringContaining('banyan flip ai.jobs --release')],
    });
  });

  test('is a revision of its own', async () => {
    bench = await openBench(table());
    const free = bench.decide.pin().revision;
    bench.write(table({ feature: FORCED }));
    await bench.decide.reload();
    expect(bench.decide.pin().revision).not.toBe(free);
  });

  test('leaves retired routes where they are, and is a mistake where it could concern no other', async () => {
    expect(await ask(table({ feature: FORCED, stage: 'retired' }))).toEqual([
      HELD,
      'new stage_retired nobody',
    ]);
    expect(mistakesOf(table({ stage: 'retired', jobs: OWN }))).toEqual([
      't:16:12: expected a route that legacy can still answer, found a retired one: it cannot be forced to legacy',
    ]);
    const allRetired = table({ feature: FORCED, stage: 'retired' }).replace('canary # for now', 'retired');
    expect(mistakesOf(allRetired)).toEqual([
      't:4:33: expected a route in feature ai that legacy can still answer, found retired ones only',
    ]);
  });

  test('is the only word that can be forced', () => {
    expect(mistakesOf(table({ feature: ', force: new' }))).toEqual([
      't:4:33: expected legacy, the only side that can be forced, found "new"',
    ]);
    expect(mistakesOf(table({ feature: ', force: legcy' }))[0]).toContain('(did you mean "legacy"?)');
  });
});

function mistakesOf(text: string): readonly string[] {
  const read = readTable(text);
  return read.kind === 'table' ? [] : read.mistakes.map((mistake) => printMistake('t', mistake));
}

function edit(text: string, subject: string, change: Omit<TableChange, 'subject'>): string {
  const result = editTable(text, { subject: subject as RouteId, ...change });
  return result.kind === 'edited'
    ? result.text
    : result.mistakes.map((mistake) => printMistake('t', mistake)).join('\n');
}

describe('a flip that forces', () => {
  test.each([
    ['a feature in braces', table(), 'ai'],
    [
      'a feature in lines',
      table().replace('ai: { flag: ai-engine, tables: [ai_job] }', 'ai: # all\n    flag: ai-engine # here'),
      'ai',
    ],
    [
      'a feature without anything',
      table().replace('flag: ai-engine, tables: [ai_job]', 'flag: ai-engine'),
      'ai',
    ],
    ['a route in lines', table(), 'ai.complete'],
    [
      'a route in braces',
      'version: 1\nroutes:\n  - { id: ai.jobs, match: { method: GET, path: /a/ }, handle: ai/jobs }\n',
      'ai.jobs',
    ],
    ['a route without a stage', table().replace('    stage: new\n', ''), 'ai.jobs'],
    [
      'the last route of a file without a line break at its end',
      table()
        .replace(/ +handle: ai\/jobs\n +mirror: \{\}\n$/, '')
        .replace('stage: new\n', 'stage: legacy'),
      'ai.jobs',
    ],
    ['a route of a file with Windows line ends', table().replaceAll('\n', '\r\n'), 'ai.jobs'],
  ])('%s changes one place, and its reverse leaves the file as it was', (_what, text, subject) => {
    expect(mistakesOf(text)).toEqual([]);
    const forced = edit(text, subject, { force: 'legacy' });
    expect(forced).toContain('force: legacy');
    expect(forced.replace(/,? *force: legacy *(\r?\n)? */, '').replaceAll(/\s/g, '')).toBe(
      text.replaceAll(/\s/g, ''),
    );
    expect(edit(forced, subject, { force: 'legacy' })).toBe(forced);
    expect(edit(forced, subject, { force: 'none' })).toBe(text);
  });

  test('leaves stage and flag as they are, unless it says otherwise', () => {
    const forced = edit(table(), 'ai', { force: 'legacy' });
    const read = readTable(forced);
    const rows = read.kind === 'table' ? read.table.rows : [];
    expect(rows.map(({ stage, forcedBy }) => [stage, forcedBy])).toEqual([
      ['canary', 'feature'],
      ['new', 'feature'],
    ]);
    expect(edit(table(), 'ai', { force: 'legacy', stage: 'shadow' })).toContain('stage: shadow # for now');
  });

  test('is refused where all is retired', () => {
    expect(edit(table({ stage: 'retired' }), 'ai.jobs', { force: 'legacy' })).toBe(
      't:15:12: expected a route that legacy can still answer, found ai.jobs retired: it cannot be forced to legacy',
    );
  });

  test('takes the comment on its own line along when it is taken back, and no other', () => {
    const noted = table().replace(
      '    stage: canary # for now\n',
      '    stage: canary # for now\n    force: legacy # wrong totals\n    # about handles\n',
    );
    expect(edit(noted, 'ai.complete', { force: 'none' })).toBe(
      table().replace('# for now\n', '# for now\n    # about handles\n'),
    );
    const first = table().replace('- id: ai.jobs\n', '- force: legacy\n    id: ai.jobs\n');
    expect(edit(first, 'ai.jobs', { force: 'none' })).toBe(table());
  });
});

describe('what is forced', () => {
  const forced = table({ feature: FORCED });

  test.each<[what: string, subject: string, change: Omit<TableChange, 'subject'>]>([
    ['another stage', 'ai', { stage: 'canary' }],
    ['another stage of one route', 'ai.jobs', { stage: 'shadow' }],
    ['a percentage', 'ai', { percent: 5 }],
    ['a tenant', 'ai', { stage: 'canary', move: ['acme' as TenantName] }],
    ['retirement', 'ai', { stage: 'retired' }],
  ])('does not go away by %s alone', (_what, subject, change) => {
    expect(edit(forced, subject, change)).toBe(
      `t:4:26: expected ${subject} to be free, found it forced to legacy: say so if that is over (--release on the command line, "force": null in the API, for ai)`,
    );
  });

  test('goes where it is sent when that is said, and to legacy without', () => {
    expect(edit(forced, 'ai', { stage: 'shadow', force: 'none' })).toBe(
      table({ stage: 'shadow' }).replace('canary # for', 'shadow # for'),
    );
    expect(edit(forced, 'ai.jobs', { stage: 'legacy' })).toBe(table({ feature: FORCED, stage: 'legacy' }));
  });

  test('as a feature cannot be left by one of its routes', () => {
    expect(edit(forced, 'ai.jobs', { force: 'none', stage: 'canary' })).toBe(
      't:4:26: expected a route that is forced by itself, found ai.jobs forced to legacy by its feature: release ai',
    );
    const twice = table({ feature: FORCED, jobs: OWN });
    expect(edit(twice, 'ai.jobs', { force: 'none', stage: 'canary' })).toContain(
      'expected ai.jobs to be free',
    );
    expect(edit(twice, 'ai.jobs', { force: 'none' })).toBe(forced);
  });

  test('as one of several routes does not hold the others back', () => {
    expect(edit(table({ jobs: OWN }), 'ai', { stage: 'shadow' })).toBe(
      table({ jobs: OWN, stage: 'shadow' }).replace('canary # for', 'shadow # for'),
    );
    expect(edit(table({ jobs: OWN }), 'ai.jobs', { stage: 'shadow' })).toContain('for ai.jobs)');
  });
});
