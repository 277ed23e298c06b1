import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { editTable, printMistake, readTable, type TableChange } from '../../../src/decide/index.ts';
import type { RouteId, Stage, TenantName } from '../../../src/vocabulary/index.ts';

const DEMO = readFileSync('routes.config.yaml', 'utf8');
const names = (...tenants: string[]) => tenants as TenantName[];

type Wish = Omit<TableChange, 'subject'>;

function edit(text: string, subject: string, wish: Wish): string {
  const result = editTable(text, { subject: subject as RouteId, ...wish });
  if (result.kind === 'mistakes')
    throw new Error(result.mistakes.map((mistake) => printMistake('t', mistake)).join('\n'));
  return result.text;
}

function refusalOf(text: string, subject: string, wish: Wish): string {
  const result = editTable(text, { subject: subject as RouteId, ...wish });
  return result.kind === 'mistakes'
    ? result.mistakes.map((mistake) => printMistake('t', mistake)).join('\n')
    : 'edited';
}

/** Line numbers, from 1, at which two texts of the same length differ. */
function changedLines(before: string, after: string): readonly number[] {
  const lines = after.split('\n');
  return before.split('\n').flatMap((line, index) => (line === lines[index] ? [] : [index + 1]));
}

function flagOf(text: string, name: string) {
  const read = readTable(text);
  return read.kind === 'table' ? read.table.flags.find((flag) => flag.name === name) : undefined;
}

function stagesOf(text: string, feature: string): readonly Stage[] {
  const read = readTable(text);
  return read.kind === 'table'
    ? read.table.rows.filter((row) => row.feature === feature).map(({ stage }) => stage)
    : [];
}

describe('a flip and its reverse leave the demo file as it was, to the last byte', () => {
  test.each<[what: string, subject: string, there: Wish, back: Wish]>([
    ['a route', 'ai.complete', { stage: 'canary' }, { stage: 'legacy' }],
    ['a feature', 'chat', { stage: 'new' }, { stage: 'legacy' }],
    ['a percentage', 'ai', { percent: 12.34 }, { percent: 0 }],
    ['a list of tenants', 'ai', { tenants: names('acme', '404', 'null') }, { tenants: [] }],
    [
      'both lists',
      'ai.jobs',
      { tenants: names('acme'), except: names('globex') },
      { tenants: [], except: [] },
    ],
    [
      'all at once',
      'files',
      { stage: 'canary', percent: 5, tenants: names('acme') },
      { stage: 'legacy', tenants: [] },
    ],
  ])('%s', (_what, subject, there, back) => {
    const flipped = edit(DEMO, subject, there);
    expect(flipped).not.toBe(DEMO);
    const reverse =
      back.stage === 'legacy' && there.percent
        ? edit(edit(flipped, subject, back), subject, { percent: 0 })
        : edit(flipped, subject, back);
    expect(reverse).toBe(DEMO);
  });

  test('every route through every stage and back', () => {
    const read = readTable(DEMO);
    const ids = read.kind === 'table' ? read.table.rows.map(({ id }) => id) : [];
    expect(ids).toHaveLength(15);
    for (const id of ids) {
      let text = DEMO;
      for (const stage of ['shadow', 'canary', 'new', 'canary', 'shadow', 'legacy'] as const) {
        text = edit(text, id, { stage });
        expect(changedLines(DEMO, text).length).toBe(stage === 'legacy' ? 0 : 1);
      }
    }
  });
});

describe('tenants moved by name', () => {
  test('to canary or new go into the list and out of the exceptions, and take the routes to canary', () => {
    const start = DEMO.replace(
      'ai-engine: { percent: 0, tenants: [], except: [] }',
      'ai-engine: { percent: 0, tenants: [initech], except: [acme] }',
    );
    for (const stage of ['canary', 'new'] as const) {
      const text = edit(start, 'ai', { stage, move: names('acme') });
      expect(flagOf(text, 'ai-engine')).toMatchObject({ tenants: ['initech', 'acme'], except: [] });
      expect(stagesOf(text, 'ai')).toEqual(['canary', 'canary', 'canary']);
      expect(stagesOf(text, 'chat')).toEqual(['legacy', 'legacy', 'legacy', 'legacy']);
    }
  });

  test('back to legacy leave the list, and are excepted only where the percentage would hold them', () => {
    const start = edit(DEMO, 'ai', { stage: 'canary', percent: 0, tenants: names('acme') });
    expect(flagOf(edit(start, 'ai', { stage: 'legacy', move: names('acme') }), 'ai-engine')).toMatchObject({
      tenants: [],
      except: [],
    });
    const full = edit(start, 'ai', { percent: 100 });
    const text = edit(full, 'ai', { stage: 'legacy', move: names('acme') });
    expect(flagOf(text, 'ai-engine')).toMatchObject({ tenants: [], except: ['acme'] });
    expect(stagesOf(text, 'ai')).toEqual(['canary', 'canary', 'canary']);
  });

  test('cannot go back to legacy one by one from stage new, which asks no flag', () => {
    const text = edit(DEMO, 'ai', { stage: 'new' });
    expect(refusalOf(text, 'ai', { stage: 'legacy', move: names('acme') })).toContain(
      'which does not ask the flag',
    );
    expect(refusalOf(DEMO, 'ai', { stage: 'shadow', move: names('acme') })).toContain(
      'expected canary, new or legacy',
    );
  });
});

describe('comments, quotes, blank lines, order and line ends stay', () => {
  const text = `# top
version: 1

flags:
  # the engine
  'ai-engine':     # quoted
    percent:   10  # ten
    tenants:
      # first the friends
      - acme       # our best friend
      - 'globex'

      - initech
    except: []
features: { "ai": {flag: ai-engine,tables: [ai_job]} }
routes:
  - id: "ai.complete"   # the first
    # where
    match:
      path: /a/
      method: POST
    handle: ai/complete
    feature: ai
    stage: "canary"  # soon new
  - {id: ai.jobs, match: {method: GET, path: /b/}, feature: ai, handle: ai/jobs}
`;

  test('around a stage', () => {
    expect(edit(text, 'ai.complete', { stage: 'new' })).toBe(text.replace('"canary"', '"new"'));
  });

  test('around a percentage', () => {
    expect(edit(text, 'ai', { percent: 0.01 })).toBe(text.replace('percent:   10  #', 'percent:   0.01  #'));
  });

  test('around the items of a block list', () => {
    const fewer = edit(text, 'ai', { tenants: names('acme', 'initech') });
    expect(fewer).toBe(text.replace("      - 'globex'\n", ''));
    const more = edit(text, 'ai', { tenants: names('acme', 'globex', 'initech', 'umbrella', '7') });
    expect(more).toBe(text.replace('      - initech\n', '      - initech\n      - umbrella\n      - "7"\n'));
    const none = edit(text, 'ai', { tenants: [] });
    expect(flagOf(none, 'ai-engine')).toMatchObject({ tenants: [], percent: 10 });
    expect(none).toContain('    tenants: []\n    except: []\n');
  });

  test('where a key was missing before', () => {
    expect(edit(text, 'ai.jobs', { stage: 'shadow' })).toContain('handle: ai/jobs, stage: shadow}');
    const bare =
      'version: 1\nroutes:\n  - id: a # one\n    match: { method: GET, path: /a/ }\n    handle: ai/jobs\n';
    expect(edit(bare, 'a', { stage: 'shadow' })).toBe(bare.replace('# one\n', '# one\n    stage: shadow\n'));
    const flags = 'version: 1\nflags: { f: {} }\nfeatures: { ai: { flag: f } }\nroutes: []\n';
    expect(edit(flags, 'ai', { percent: 5 })).toContain('f: { percent: 5 }');
    expect(edit(flags, 'ai', { tenants: names('acme') })).toContain('f: { tenants: [acme] }');
    const block =
      'version: 1\nflags:\n  f:\n    tenants: [acme]\nfeatures: { ai: { flag: f } }\nroutes: []\n';
    expect(edit(block, 'ai', { percent: 5 })).toContain('  f:\n    percent: 5\n    tenants: [acme]\n');
  });

  test('with the line ends of Windows', () => {
    const windows = text.replaceAll('\n', '\r\n');
    const edited = edit(windows, 'ai', {
      stage: 'new',
      tenants: names('acme', 'globex', 'initech', 'umbrella'),
    });
    expect(edited.replaceAll('\r\n', '')).not.toContain('\n');
    expect(stagesOf(edited, 'ai')).toEqual(['new', 'new']);
  });

  test('in a flow list, item by item', () => {
    const flow =
      'version: 1\nflags: { f: { tenants: [ "a", b,c , d ] } }\nfeatures: { ai: { flag: f } }\nroutes: []\n';
    expect(edit(flow, 'ai', { tenants: names('a', 'c', 'd') })).toContain('[ "a", c , d ]');
    expect(edit(flow, 'ai', { tenants: names('b') })).toContain('[ b ]');
    expect(edit(flow, 'ai', { tenants: names('a', 'b', 'c', 'd', 'e') })).toContain('[ "a", b,c , d, e ]');
    expect(edit(flow, 'ai', { tenants: names('x') })).toContain('tenants: [x]');
  });
});

describe('a flip is refused with a sentence', () => {
  test('where nothing has that name', () => {
    expect(refusalOf(DEMO, 'ai.complet', { stage: 'canary' })).toContain(
      'found "ai.complet" (did you mean "ai.complete"?)',
    );
  });

  test('where a retired route would be taken back without saying so', () => {
    const text = edit(DEMO, 'ai.job', { stage: 'retired' });
    expect(refusalOf(text, 'ai.job', { stage: 'new' })).toContain(
      'ai.job retired: say so if you really take it back',
    );
    expect(edit(text, 'ai.job', { stage: 'legacy', retired: 'take_back' })).toBe(DEMO);
    expect(stagesOf(edit(text, 'ai', { stage: 'new' }), 'ai')).toEqual(['new', 'new', 'retired']);
  });

  test('where the result would not be a good table', () => {
    const bare = 'version: 1\nroutes:\n  - { id: a, match: { method: GET, path: /a/ } }\n';
    expect(refusalOf(bare, 'a', { stage: 'new' })).toContain('expected a handle beside stage new');
    expect(refusalOf(DEMO, 'ai', { percent: 140 })).toContain('found 140');
    expect(refusalOf(DEMO, 'ai', { tenants: names('Acme') })).toContain('expected a tenant name');
  });

  test('where a percentage or a tenant has no flag to go to, or no stage that asks it', () => {
    const bare = 'version: 1\nfeatures: { a: {} }\nroutes: []\n';
    expect(refusalOf(bare, 'a', { percent: 5 })).toContain('expected a feature with a flag');
    expect(refusalOf(DEMO, 'ai', { stage: 'new', percent: 5 })).toContain(
      'expected stage canary beside a percentage',
    );
  });

  test('where the table is bad to begin with', () => {
    expect(refusalOf('version: 2\nroutes: []\n', 'ai', { stage: 'new' })).toContain('t:1:10:');
  });
});

test('an edit tells the state before and after in a sentence each', () => {
  const result = editTable(DEMO, {
    subject: 'ai' as RouteId,
    stage: 'canary',
    percent: 10,
    tenants: names('acme'),
  });
  expect(result).toMatchObject({
    kind: 'edited',
    before: 'ai: 3 routes at stage legacy; flag ai-engine at 0 %.',
    after: 'ai: 3 routes at stage canary; flag ai-engine at 10 %; always on for acme.',
  });
});
