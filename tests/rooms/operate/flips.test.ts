import { chmodSync, lstatSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { StoreUnavailable } from '../../../src/store/index.ts';
import type { FlipLog } from '../../../src/vocabulary/index.ts';
import { type AdminHouse, openAdminHouse, TABLE } from './admin-house.ts';

const REASON = { reason: 'the tests want it', author: 'ada' };

describe('a flip', () => {
  let house: AdminHouse;
  beforeAll(async () => {
    house = await openAdminHouse();
  });
  afterEach(() => house.writeTable(TABLE));
  afterAll(() => house.close());

  const flip = (body: object) => house.ask('/api/flips', { body: { ...REASON, ...body } });
  const undo = (body: object = {}) => house.ask('/api/flips/undo', { body: { author: 'grace', ...body } });
  const standing = async () => (await house.ask('/api/flips')).json.standing as number | null;

  test('moves all routes of a feature, keeps comments and order, and is in force when it answers', async () => {
    const done = await flip({ subject: 'ai', stage: 'canary', percent: 12.5, tenants: ['acme'] });
    expect(done.status).toBe(201);
    expect(done.json.story).toEqual([
      'Route ai.complete goes from legacy to canary.',
      'Route ai.jobs goes from legacy to canary.',
      'Flag ai-engine goes from 0 % to 12.5 %, takes in acme.',
    ]);
    expect(house.decide.pin().revision).toBe(done.json.revision);
    expect(house.decide.explain({ method: 'GET', path: '/api/ai/jobs/', tenant: 'acme' as never }).side).toBe(
      'new',
    );
    const text = house.readTable();
    expect(text).toContain('- id: ai.complete # the busiest');
    expect(text).toContain('# the new engine');
    expect(text.replaceAll('stage: canary', 'stage: legacy').split('\n').length).toBe(
      TABLE.split('\n').length,
    );
  });

  test('is in the audit log with author, reason and both revisions, and told as an event', async () => {
    const before = house.decide.pin().revision;
    const done = await flip({ subject: 'chat', stage: 'shadow' });
    const { flips } = (await house.ask('/api/flips?limit=1')).json;
    expect(flips[0]).toMatchObject({
      ...REASON,
      subject: 'chat',
      change: 'shadow',
      before,
      after: done.json.revision,
      undoes: null,
    });
    expect(house.events).toContainEqual(
      expect.objectContaining({
        type: 'flip_made',
        author: 'ada',
        subject: 'chat',
        from: 'legacy',
        to: 'shadow',
      }),
    );
  });

  test('of some tenants moves only them', async () => {
    await flip({ subject: 'ai', stage: 'canary', move: ['acme'] });
    const done = await flip({ subject: 'ai', stage: 'canary', move: ['globex'] });
    expect(done.json.flip.change).toBe('canary 0 % acme globex');
    await flip({ subject: 'ai', stage: 'legacy', move: ['acme'] });
    expect(house.decide.pin().flags[0]).toMatchObject({ tenants: ['globex'], except: [] });
  });

  test('to where everything is already changes nothing and is not logged', async () => {
    const before = await standing();
    const done = await flip({ subject: 'ai', stage: 'legacy' });
    expect([done.status, done.json.changed, done.json.flip]).toEqual([200, false, null]);
    expect(await standing()).toBe(before);
  });

  test('keeps the mode of the file and leaves no temporary file behind', async () => {
    chmodSync(house.file, 0o600);
    await flip({ subject: 'ai', stage: 'shadow' });
    expect(statSync(house.file).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(house.file))).toEqual(['routes.config.yaml']);
  });

  test.each([
    [
      'an unknown name',
      { subject: 'complete', stage: 'canary' },
      404,
      /"complete" is neither a route nor a feature.*Did you mean "ai\.complete"/,
    ],
    ['canary without a flag', { subject: 'files', stage: 'canary' }, 409, /flag/],
    ['a percentage beside another stage', { subject: 'ai', stage: 'new', percent: 3 }, 409, /canary/],
    ['no reason', { subject: 'ai', stage: 'new', reason: '  ' }, 400, /"reason"/],
    ['no author', { subject: 'ai', stage: 'new', author: undefined }, 400, /"author"/],
    ['a tenant that cannot be', { subject: 'ai', stage: 'canary', move: ['A;B'] }, 400, /tenant name/],
    ['a percentage of more digits', { subject: 'ai', stage: 'canary', percent: 0.001 }, 400, /0\.01/],
    ['a stage that is none', { subject: 'ai', stage: 'canry' }, 400, /legacy.*shadow.*canary/],
    [
      'an unknown member',
      { subject: 'ai', stage: 'canary', percnt: 3 },
      400,
      /"percnt".*did you mean "percent"/,
    ],
  ])('with %s is refused with a sentence and writes nothing', async (_what, body, status, sentence) => {
    const answer = await flip(body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.json.detail).toMatch(sentence);
    expect(house.readTable()).toBe(TABLE);
  });

  test('refuses a revision that is no longer in force', async () => {
    const seen = house.decide.pin().revision;
    await flip({ subject: 'chat', stage: 'shadow' });
    const late = await flip({ subject: 'ai', stage: 'shadow', expected: seen });
    expect([late.status, late.json.code]).toEqual([412, 'revision_stale']);
    const header = await house.ask('/api/flips', {
      body: { ...REASON, subject: 'ai', stage: 'shadow' },
      headers: { 'if-match': `"${seen}"` },
    });
    expect(header.status).toBe(412);
  });

  test('takes an edit into account that the watcher has not seen yet', async () => {
    const { writeFileSync } = await import('node:fs');
    writeFileSync(house.file, TABLE.replace('# who answers what', '# edited by hand'));
    const done = await flip({ subject: 'ai', stage: 'shadow' });
    expect(done.status).toBe(201);
    expect(house.readTable()).toContain('# edited by hand');
  });

  test('is refused while the file has mistakes, naming them by line', async () => {
    await house.writeTable(TABLE.replace('stage: legacy', 'stage: lgacy'));
    const answer = await flip({ subject: 'chat', stage: 'shadow' });
    expect(answer.status).toBe(409);
    expect(answer.json.mistakes[0]).toMatch(/routes\.config\.yaml:14:12: .*canary/);
  });

  test('that is only tried says what would change and changes nothing', async () => {
    const answer = await house.ask('/api/flips', {
      body: { subject: 'ai.jobs', stage: 'canary', move: ['acme'], dry_run: true },
    });
    expect(answer.json).toMatchObject({
      dry_run: true,
      changed: true,
      outcomes: [{ route: 'ai.jobs', outcome: 'The new side answers acme; legacy answers everyone else.' }],
    });
    expect(answer.json.diff).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^- .*stage: legacy/),
        expect.stringMatching(/^\+ .*stage: canary/),
      ]),
    );
    expect(house.readTable()).toBe(TABLE);
  });

  test('of many at once leaves a whole table and one log line each', async () => {
    const stages = ['shadow', 'legacy', 'shadow', 'legacy', 'shadow', 'legacy'];
    const before = (await house.ask('/api/flips?limit=500')).json.flips.length;
    const answers = await Promise.all(stages.map((stage) => flip({ subject: 'ai', stage })));
    const made = answers.filter(({ json }) => json.changed).length;
    expect(answers.every(({ status }) => status === 200 || status === 201)).toBe(true);
    expect((await house.ask('/api/flips?limit=500')).json.flips.length - before).toBe(made);
    expect(house.decide.source().text).toBe(house.readTable());
  });

  describe('is undone', () => {
    test('to the byte, one after the other, and the log says which', async () => {
      const first = await flip({ subject: 'ai', stage: 'shadow' });
      const between = house.readTable();
      const second = await flip({ subject: 'ai', stage: 'canary', percent: 25 });
      const undone = await undo();
      expect(undone.json.flip).toMatchObject({
        author: 'grace',
        undoes: second.json.flip.id,
        change: 'shadow',
      });
      expect(house.readTable()).toBe(between);
      expect((await undo({ reason: 'all of it' })).json.flip).toMatchObject({
        undoes: first.json.flip.id,
        reason: 'all of it',
      });
      expect(house.readTable()).toBe(TABLE);
    });

    test('without what was edited since being lost', async () => {
      await flip({ subject: 'ai', stage: 'canary', percent: 25 });
      await house.writeTable(house.readTable().replace('# who answers what', '# edited since'));
      await flipByHand('chat', 'shadow');
      const undone = await undo();
      expect(undone.status).toBe(201);
      expect(house.readTable()).toContain('# edited since');
      expect(stagesInForce()).toEqual(['legacy', 'legacy', 'shadow', 'legacy']);
      expect(house.decide.pin().flags[0]?.percent).toBe(0);
    });

    test('not where someone has changed just that since, and says what', async () => {
      await flip({ subject: 'ai', stage: 'shadow' });
      await flipByHand('ai.jobs', 'new');
      const refused = await undo();
      expect(refused.status).toBe(409);
      expect(refused.json.detail).toMatch(
        /was changed since flip \d+.*Route ai\.jobs goes from shadow to new\./,
      );
      expect(stagesInForce()).toEqual(['shadow', 'new', 'legacy', 'legacy']);
    });

    const stagesInForce = () => house.decide.pin().rows.map(({ stage }) => stage);
    const flipByHand = async (subject: string, stage: string) => {
      const { editTable } = await import('../../../src/decide/index.ts');
      const edited = editTable(house.readTable(), { subject: subject as never, stage: stage as never });
      if (edited.kind !== 'edited') throw new Error(JSON.stringify(edited));
      await house.writeTable(edited.text);
    };
  });
});

describe('a flip that cannot be completed', () => {
  let house: AdminHouse;
  let trouble: 'none' | 'add' | 'all' = 'none';
  let outage = new Error('gone');
  const broken = (real: FlipLog): FlipLog => ({
    ...real,
    list: (limit) => (trouble === 'all' ? Promise.reject(outage) : real.list(limit)),
    add: (flip) => (trouble === 'none' ? real.add(flip) : Promise.reject(new Error('gone'))),
  });
  beforeAll(async () => {
    house = await openAdminHouse({ flips: broken });
  });
  afterEach(() => {
    trouble = 'none';
  });
  afterAll(() => house.close());

  const flip = (body: object) => house.ask('/api/flips', { body: { ...REASON, ...body } });

  test.each(['add', 'all'] as const)(
    'because of the audit log (%s) puts the table back and says so',
    async (what) => {
      trouble = what;
      const { revision } = house.decide.pin();
      const answer = await flip({ subject: 'ai', stage: 'shadow' });
      expect([answer.status, answer.json.code]).toEqual([503, 'audit_unwritable']);
      expect(house.readTable()).toBe(TABLE);
      expect(house.decide.pin().revision).toBe(revision);
    },
  );

  test('for want of the store is told from a bug, and neither says what is inside', async () => {
    trouble = 'all';
    const bug = await house.ask('/api/flips');
    expect([bug.status, bug.json.code]).toEqual([500, 'internal_error']);
    expect(bug.text).not.toContain('gone');
    expect(house.events).toContainEqual({ type: 'bug', where: 'admin', error: 'gone' });
    outage = new StoreUnavailable(new Error('connect ECONNREFUSED 10.0.0.1'));
    const away = await house.ask('/api/flips');
    expect([away.status, away.json.code]).toEqual([503, 'store_unavailable']);
    expect(away.text).not.toContain('10.0.0.1');
  });

  test('because nothing was flipped yet refuses to undo', async () => {
    const answer = await house.ask('/api/flips/undo', { body: { author: 'ada' } });
    expect([answer.status, answer.json.detail]).toEqual([409, 'There is no flip to take back.']);
  });
});

test('with flags in Unleash a percentage is refused with where to change it, a stage is not', async () => {
  const house = await openAdminHouse({ flagSource: 'unleash' });
  const refused = await house.ask('/api/flips', {
    body: { ...REASON, subject: 'ai', stage: 'canary', percent: 5 },
  });
  const tried = await house.ask('/api/flips', { body: { subject: 'ai', stage: 'canary', dry_run: true } });
  const done = await house.ask('/api/flips', { body: { ...REASON, subject: 'ai', stage: 'canary' } });
  const table = await house.ask('/api/routes');
  await house.close();
  expect([refused.status, refused.json.detail]).toEqual([409, expect.stringContaining('live in Unleash')]);
  expect(tried.json.outcomes[0].outcome).toMatch(/whom the flag in Unleash reaches/);
  expect(done.status).toBe(201);
  // The file's own flags are asked by nobody then, so nobody is shown them.
  expect([table.json.flag_source, table.json.flags]).toEqual(['unleash', []]);
});

test('a table behind a symbolic link is replaced where it really is', async () => {
  const { writeTableFile } = await import('../../../src/operate/flip/table-file.ts');
  const house = await openAdminHouse();
  const link = join(dirname(house.file), 'link.yaml');
  symlinkSync(house.file, link);
  await writeTableFile(link, TABLE.replace('# who', '# Who'));
  const [isLink, text] = [lstatSync(link).isSymbolicLink(), house.readTable()];
  await house.close();
  expect(isLink).toBe(true);
  expect(text.startsWith('# Who')).toBe(true);
});
