import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type AdminHouse, openAdminHouse, TABLE } from './admin-house.ts';

const SIGNED = { reason: 'wrong totals', author: 'ada' };
const REASON = ['--reason', 'wrong totals'];

let house: AdminHouse;
beforeAll(async () => {
  house = await openAdminHouse();
});
afterEach(() => house.writeTable(TABLE));
afterAll(() => house.close());

const flip = (body: object) => house.ask('/api/flips', { body: { ...SIGNED, ...body } });
const undo = () => house.ask('/api/flips/undo', { body: { author: 'grace' } });
const explain = (tenant = 'acme') =>
  house.decide.explain({ method: 'GET', path: '/api/ai/jobs/', tenant: tenant as never });

describe('banyan flip --force-legacy', () => {
  test('lets legacy answer at once, keeps stage and flag, and is taken back by undo to the byte', async () => {
    await house.banyan('flip', 'ai', 'canary', '--percent', '100', ...REASON);
    const before = house.readTable();
    const done = await house.banyan('flip', 'ai', 'legacy', '--force-legacy', ...REASON);
    expect(done.out).toMatch(
      /^Feature ai is forced to legacy, whatever stage, flag and testers say\.\nFlip \d+ is in force/,
    );
    expect(explain()).toMatchObject({ side: 'legacy', reason: 'forced_legacy', stage: 'canary' });
    expect(house.readTable()).toBe(
      before.replace(
        'ai: { flag: ai-engine, tables: [ai_job] }',
        'ai: { flag: ai-engine, tables: [ai_job], force: legacy }',
      ),
    );
    const undone = await house.banyan('undo');
    expect(undone.out).toMatch(/^Feature ai is no longer forced to legacy\./);
    expect([house.readTable(), explain().side]).toEqual([before, 'new']);
  });

  test('is shown by routes, explain and the API, and kept in the audit log', async () => {
    await house.banyan('flip', 'ai', '--force-legacy', ...REASON);
    await house.banyan('flip', 'chat.channels', 'legacy', '--force-legacy', ...REASON);
    const { out } = await house.banyan('routes');
    expect(out.split('\n').map((line) => line.split('\t')[4])).toEqual([
      'legacy, forced to legacy',
      'legacy, forced to legacy',
      'legacy, forced to legacy',
      'legacy',
      undefined,
    ]);
    const table = (await house.ask('/api/routes')).json;
    expect(table.routes.map((route: { forced_by: string }) => route.forced_by)).toEqual([
      'feature',
      'feature',
      'route',
      null,
    ]);
    expect(table.features.map((feature: { force: string }) => feature.force)).toEqual(['legacy', null, null]);
    expect((await house.ask('/api/routes/ai.jobs')).json.forced_by).toBe('feature');
    const told = await house.banyan('explain', 'GET', '/api/ai/jobs/', '--tenant', 'acme');
    expect(told.out).toMatch(/forced\tto legacy, by the feature\n.*\(forced_legacy\)/s);
    const { flips } = (await house.ask('/api/flips?limit=2')).json;
    expect(flips.map(({ change }: { change: string }) => change)).toEqual([
      'legacy; forced to legacy',
      'legacy; forced to legacy',
    ]);
  });

  test('as a dry run says who would answer and changes nothing', async () => {
    const tried = await house.banyan('flip', 'ai', 'legacy', '--force-legacy', '--dry-run');
    expect(tried.out).toContain(
      'ai.complete, ai.jobs: Legacy answers everyone, because the table forces it.',
    );
    expect(tried.out).toContain('+   ai: { flag: ai-engine, tables: [ai_job], force: legacy }');
    expect(house.readTable()).toBe(TABLE);
  });

  test('twice changes nothing', async () => {
    await flip({ subject: 'ai', force: 'legacy' });
    const again = await house.banyan('flip', 'ai', 'legacy', '--force-legacy', ...REASON);
    expect([again.code, again.out]).toEqual([0, expect.stringMatching(/^Nothing to do: it is so already/)]);
  });

  test.each([
    [['ai', 'canary', '--force-legacy'], '--force-legacy goes with legacy, not with canary'],
    [['ai', 'legacy', '--force-legacy', '--release'], '--force-legacy and --release are opposites'],
    [['ai', 'legacy', '--force-legacy', '--tenant', 'acme'], '--force-legacy concerns everybody at once'],
    [['ai', 'legacy', '--force-legacy', '--percent', '5'], '--force-legacy concerns everybody at once'],
    [['ai'], 'a flip needs a stage'],
  ])('typed as %j is wrong usage', async (typed, message) => {
    const ran = await house.banyan('flip', ...typed, ...REASON);
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(message)]);
    expect(house.readTable()).toBe(TABLE);
  });
});

describe('what is forced', () => {
  test('is not flipped away by a flip that does not say so', async () => {
    await flip({ subject: 'ai', force: 'legacy' });
    const forced = house.readTable();
    const refused = await house.banyan('flip', 'ai', 'canary', ...REASON);
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringMatching(
        /^The flip cannot be made: .*:7:\d+: expected ai to be free, found it forced to legacy: say so if that is over \(--release on the command line/,
      ),
    ]);
    expect(house.readTable()).toBe(forced);
    const away = await house.banyan('flip', 'ai', 'canary', '--percent', '100', '--release', ...REASON);
    expect(away.out).toMatch(
      /^Feature ai is no longer forced to legacy\.\nRoute ai\.complete goes from legacy to canary\./,
    );
    expect(explain()).toMatchObject({ side: 'new', forcedBy: undefined });
  });

  test('is released with those of its routes that were forced one by one, and undo forces all of them again', async () => {
    await flip({ subject: 'ai.jobs', force: 'legacy' });
    await flip({ subject: 'ai', force: 'legacy', stage: 'shadow' });
    const forced = house.readTable();
    const released = await flip({ subject: 'ai', force: null });
    expect(released.json.story).toEqual([
      'Feature ai is no longer forced to legacy.',
      'Route ai.jobs is no longer forced to legacy.',
    ]);
    expect(house.readTable()).not.toContain('force');
    // Something else was edited meanwhile, so that the text cannot simply be put back.
    await house.writeTable(house.readTable().replace('# who answers what', '# edited'));
    expect((await undo()).status).toBe(201);
    expect(house.readTable()).toBe(forced.replace('# who answers what', '# edited'));
  });

  test('and released by a flip that goes away is forced again by undo, at the stage where it was', async () => {
    await flip({ subject: 'ai', stage: 'shadow' });
    await flip({ subject: 'ai', force: 'legacy' });
    const forced = house.readTable();
    await flip({ subject: 'ai', stage: 'canary', force: null, percent: 5 });
    await house.writeTable(house.readTable().replace('# who answers what', '# edited'));
    expect((await undo()).status).toBe(201);
    expect(house.readTable()).toBe(forced.replace('# who answers what', '# edited'));
  });

  test('since by hand keeps undo from taking an earlier flip back', async () => {
    await flip({ subject: 'ai.jobs', stage: 'shadow' });
    await house.writeTable(
      house.readTable().replace('stage: shadow\n', 'stage: shadow\n    force: legacy\n'),
    );
    const refused = await undo();
    expect([refused.status, refused.json.detail]).toEqual([
      409,
      expect.stringContaining('Route ai.jobs is forced to legacy, whatever stage, flag and testers say.'),
    ]);
  });
});

test('with flags in Unleash a refused percentage names the flag and the brake, and the brake works', async () => {
  const distant = await openAdminHouse({ flagSource: 'unleash' });
  const refused = await distant.ask('/api/flips', {
    body: { ...SIGNED, subject: 'ai', stage: 'canary', percent: 5 },
  });
  const moved = await distant.banyan('flip', 'ai.jobs', 'canary', '--tenant', 'acme', ...REASON);
  const done = await distant.banyan('flip', 'ai', 'legacy', '--force-legacy', ...REASON);
  const told = distant.decide.explain({ method: 'GET', path: '/api/ai/jobs/' });
  await distant.close();
  expect([refused.status, refused.json.detail]).toEqual([
    409,
    expect.stringMatching(
      /^Percentages and tenant lists live in Unleash here: change flag ai-engine there .* banyan flip ai legacy --force-legacy/,
    ),
  ]);
  expect(moved.err).toContain('banyan flip ai.jobs legacy --force-legacy');
  expect([done.code, told.reason]).toEqual([0, 'forced_legacy']);
});
