import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type FeatureName,
  makeMapping,
  type TableRule,
  type TenantId,
  type TenantName,
} from '../../../src/vocabulary/index.ts';
import { type AdminHouse, type Asked, openAdminHouse, TABLE } from './admin-house.ts';
import { carryOutAll, changeOwner, clearMoves, noteStranger, partTable, putOut, unfollow } from './moves.ts';

const AI = 'ai' as FeatureName;
const ACME = 1 as TenantId;
const GLOBEX = 2 as TenantId;

let house: AdminHouse;
beforeAll(async () => {
  house = await openAdminHouse();
});
afterAll(() => house.close());

beforeEach(async () => {
  await house.writeTable(TABLE);
  await clearMoves(house);
});

type Body = Readonly<Record<string, unknown>>;
const make = (order: string, more: Body = {}, feature = 'ai'): Promise<Asked> =>
  house.ask('/api/moves', { body: { order, feature, author: 'ada', ...more } });
const look = async (feature = 'ai') => (await house.ask(`/api/moves?feature=${feature}`)).json.moves[0];
const lookAt = async (tenant: string) =>
  (await look()).tenants.find((one: { tenant: string }) => one.tenant === tenant);

describe('start', () => {
  test('begins with legacy as the owner of every tenant, with the tables that the route table names', async () => {
    const done = await make('start');
    expect([done.status, done.json.changed, done.json.unconfirmed]).toEqual([201, true, []]);
    const move = await look();
    expect([move.tables, move.state]).toEqual([['ai_job'], 'moving']);
    expect(
      move.tenants.map(({ tenant, owner, step, back }: Asked['json']) => [tenant, owner, step, back.kind]),
    ).toEqual(['acme', 'globex', 'initech'].map((name) => [name, 'legacy', 'settled', 'legacys']));
  });

  test('a second time changes nothing', async () => {
    await make('start');
    const again = await make('start');
    expect([again.status, again.json.changed, again.json.story]).toEqual([
      200,
      false,
      ['ai is being moved already.'],
    ]);
  });

  test('names live instances that have not confirmed it, and not those whose lease is over', async () => {
    await house.store.tenures.attend({ id: 'a', name: 'late one', epoch: 1, leaseMs: 60_000 });
    await house.store.tenures.attend({ id: 'b', name: 'dead one', epoch: 1, leaseMs: 1 });
    const done = await make('start');
    expect(done.json.unconfirmed).toEqual(['late one']);
    const { epoch, instances } = (await house.ask('/api/instances')).json;
    expect(instances.map((one: Asked['json']) => [one.name, one.live, one.confirmed])).toEqual([
      ['dead one', false, false],
      ['late one', true, false],
    ]);
    await house.store.tenures.attend({ id: 'a', name: 'late one', epoch, leaseMs: 60_000 });
    const confirmed = (await house.ask('/api/instances')).json.instances;
    expect(confirmed.find(({ id }: Asked['json']) => id === 'a').confirmed).toBe(true);
  });

  test('is refused for a feature that is not there, with the nearest name', async () => {
    const answer = await make('start', {}, 'chatt');
    expect([answer.status, answer.json.detail]).toEqual([
      404,
      'The table lists no feature "chatt". Did you mean "chat"?',
    ]);
  });

  test('is refused for a feature without tables, with what to write', async () => {
    await house.writeTable(TABLE.replace('  files: { tables: [files_file] }', '  files: {}'));
    const answer = await make('start', {}, 'files');
    expect([answer.status, answer.json.code]).toEqual([409, 'move_refused']);
    expect(answer.json.detail).toContain('files: { tables: [ … ] }');
  });

  test('is refused where writes go to the new side already, with the flip that comes first', async () => {
    await house.writeTable(
      TABLE.replace(
        'percent: 0, tenants: [], except: [] } # the',
        'percent: 0, tenants: [globex], except: [] } # the',
      ).replace('stage: legacy', 'stage: canary'),
    );
    const answer = await make('start');
    expect(answer.json.detail).toContain('Writes of ai go to the new side already for globex.');
    expect(answer.json.detail).toContain('banyan flip ai legacy');
    expect((await house.ask('/api/moves')).json.moves).toEqual([]);
  });

  test('is refused where the new side has written before, with the tenants and tables', async () => {
    await partTable(house, GLOBEX);
    const answer = await make('start');
    expect(answer.json.detail).toMatch(/^The new side has written to ai_job of globex before ai was moved/);
  });

  test('goes on without tenants that do not follow, and names them', async () => {
    await unfollow(house, 3 as TenantId);
    const done = await make('start');
    expect([done.status, done.json.story.join(' ')]).toEqual([
      201,
      expect.stringContaining('Not followed, so they cannot be handed over yet: initech.'),
    ]);
  });

  test('is refused where rows follow by another mapping than the table says; that of other tables does not matter', async () => {
    const rules: Record<string, TableRule> = { ai_job: { from: 'jobs' }, chat_message: { from: 'messages' } };
    const other = await openAdminHouse({ mappingInForce: async () => makeMapping(rules) });
    const body = { order: 'start', feature: 'ai', author: 'ada' };
    const refused = await other.ask('/api/moves', { body });
    expect([refused.status, refused.json.detail]).toEqual([
      409,
      expect.stringMatching(/^The route table's mapping of ai_job is not the one by which rows of ai follow/),
    ]);
    delete rules.ai_job;
    expect((await other.ask('/api/moves', { body })).status).toBe(201);
    await other.close();
  });

  test('tells why legacy cannot be prepared, and begins nothing', async () => {
    const other = await openAdminHouse({
      prepareReturn: async () => {
        throw new Error('The role may not make the schema "banyan".');
      },
    });
    const body = { order: 'start', feature: 'ai', author: 'ada' };
    const answer = await other.ask('/api/moves', { body });
    expect([answer.status, answer.json.detail]).toEqual([409, 'The role may not make the schema "banyan".']);
    expect((await other.ask('/api/moves')).json.moves).toEqual([]);
    await other.close();
  });
});

describe('hand_over', () => {
  beforeEach(() => make('start'));

  test('makes the table say so first, with author and reason, then orders it', async () => {
    const done = await make('hand_over', { tenants: ['acme'], reason: 'the first one' });
    expect(done.status).toBe(201);
    expect(done.json.flip).toMatchObject({ author: 'ada', reason: 'the first one', subject: 'ai' });
    expect(house.readTable()).toContain('tenants: [acme]');
    expect(done.json.orders).toMatchObject([
      { tenant: 'acme', order: 'hand_over', state: 'waiting', author: 'ada' },
    ]);
    const { id } = done.json.orders[0];
    await carryOutAll(house);
    expect((await house.ask(`/api/moves/${id}`)).json).toMatchObject({
      state: 'done',
      held_ms: 84.5,
      rows: 12,
      tenant: 'acme',
    });
    expect(await lookAt('acme')).toMatchObject({
      owner: 'new',
      step: 'settled',
      declared: 'new',
      back: { kind: 'free' },
    });
    expect(await lookAt('globex')).toMatchObject({ owner: 'legacy', declared: 'legacy', order: null });
  });

  test('of a tenant that the new side has already does nothing', async () => {
    await make('hand_over', { tenants: ['acme'] });
    await carryOutAll(house);
    const again = await make('hand_over', { tenants: ['acme'] });
    expect([again.status, again.json.orders, again.json.settled, again.json.flip]).toEqual([
      200,
      [],
      ['acme'],
      null,
    ]);
  });

  test('of all goes by the percentage, and leaves out whom the flag excepts', async () => {
    await house.writeTable(
      TABLE.replace('tenants: [], except: [] } # the', 'tenants: [], except: [initech] } # the'),
    );
    const done = await make('hand_over', { all: true });
    expect(done.json.orders.map(({ tenant }: Asked['json']) => tenant)).toEqual(['acme', 'globex']);
    expect(done.json.story).toContain('Flag ai-engine excepts initech: legacy keeps what it has of them.');
    expect(house.readTable()).toContain('percent: 100');
  });

  test('of an unknown tenant is refused with the nearest name', async () => {
    const answer = await make('hand_over', { tenants: ['acmee'] });
    expect([answer.status, answer.json.detail]).toEqual([
      400,
      'There is no tenant "acmee". Did you mean "acme"?',
    ]);
  });

  test('is refused while the move is paused, and a hand-back is not', async () => {
    await make('hand_over', { tenants: ['acme'] });
    await carryOutAll(house);
    expect((await make('pause')).status).toBe(201);
    expect((await make('hand_over', { tenants: ['globex'] })).json.detail).toContain('banyan move resume ai');
    expect((await make('hand_back', { tenants: ['acme'] })).status).toBe(201);
    expect((await make('resume')).json.story[0]).toMatch(/^The move of ai is under way\./);
  });

  test('is refused while the table forces the feature to legacy', async () => {
    await house.ask('/api/flips', {
      body: { subject: 'ai', force: 'legacy', author: 'ada', reason: 'brake' },
    });
    const answer = await make('hand_over', { tenants: ['acme'] });
    expect([answer.status, answer.json.code]).toEqual([409, 'flip_refused']);
  });

  test.each([
    ['nobody named', 'hand_over', {}],
    ['names and all', 'hand_over', { tenants: ['acme'], all: true }],
    ['names for what concerns everybody', 'pause', { tenants: ['acme'] }],
  ])('of %s is wrong', async (_what, order, more) => {
    expect((await make(order, more)).status).toBe(400);
  });
});

describe('hand_back', () => {
  const tableAt = (stage: string) =>
    TABLE.replaceAll('feature: ai\n    stage: legacy', `feature: ai\n    stage: ${stage}`);

  beforeEach(async () => {
    await make('start');
    for (const tenant of [1, 2, 3] as TenantId[]) await changeOwner(house, tenant, 'new');
  });

  test('of one tenant at stage new lets the others stay where they are', async () => {
    await house.writeTable(tableAt('new'));
    const done = await make('hand_back', { tenants: ['acme'] });
    expect(done.json.orders.map(({ tenant, order }: Asked['json']) => [tenant, order])).toEqual([
      ['acme', 'hand_back'],
    ]);
    const declared = (name: string) => house.decide.declares(name as TenantName, AI);
    expect(['acme', 'globex', 'initech'].map(declared)).toEqual(['legacy', 'new', 'new']);
  });

  test('of one tenant in canary takes it out of the flag', async () => {
    await house.writeTable(
      tableAt('canary').replace(
        'tenants: [], except: [] } # the',
        'tenants: [acme, globex], except: [] } # the',
      ),
    );
    await make('hand_back', { tenants: ['acme'] });
    expect(house.readTable()).toContain('tenants: [globex]');
  });

  test('of all puts the feature back to stage legacy', async () => {
    await house.writeTable(tableAt('new'));
    const done = await make('hand_back', { all: true });
    expect([done.json.orders.length, house.readTable()]).toEqual([3, TABLE]);
  });

  test('is refused where routes are retired, with the flip that comes first', async () => {
    await house.writeTable(tableAt('retired'));
    expect((await make('hand_back', { all: true })).json.detail).toContain('--take-back');
  });
});

describe('under Unleash', () => {
  test('a flip that only Unleash can make is refused with what to change there', async () => {
    const other = await openAdminHouse({ flagSource: 'unleash' });
    await clearMoves(other);
    const post = (body: Body) => other.ask('/api/moves', { body: { feature: 'ai', author: 'ada', ...body } });
    expect((await post({ order: 'start' })).status).toBe(201);
    const answer = await post({ order: 'hand_over', tenants: ['acme'] });
    expect(answer.json.detail).toBe(
      'Flags live in Unleash here: let flag ai-engine be on there for acme (a rule on tenantId, or its rollout). The mover carries it out by itself. ' +
        'Routes are at stage legacy: banyan flip ai canary --reason "…".',
    );
    await other.close();
  });
});

describe('what it would take to go back', () => {
  beforeEach(async () => {
    await make('start');
    await make('hand_over', { tenants: ['acme', 'globex'] });
    await carryOutAll(house);
  });
  const tellBack = async (tenant: string) => (await lookAt(tenant)).back.sentence;

  test('is nothing while nothing waits, and legacy keeps what it has', async () => {
    expect([await tellBack('acme'), await tellBack('initech')]).toEqual([
      'going back now is free',
      'legacy owns it',
    ]);
  });

  test('is some sync while something waits to be carried back', async () => {
    await putOut(house, ACME, 12);
    expect(await lookAt('acme')).toMatchObject({ waiting: { lines: 1 }, back: { kind: 'sync', lines: 1 } });
    expect(await tellBack('acme')).toMatch(/^going back now needs 1[2-9] s of sync$/);
    expect(await tellBack('globex')).toBe('going back now is free');
  });

  test('is a loss where others have written on legacy', async () => {
    for (let n = 0; n < 14; n += 1) await noteStranger(house, GLOBEX);
    expect(await lookAt('globex')).toMatchObject({ strangers: 14, back: { kind: 'loses', writes: 14 } });
    expect(await tellBack('globex')).toBe('going back now would lose 14 writes');
  });

  test('is a loss where what waits does not fit on legacy, with the reason', async () => {
    await putOut(house, ACME);
    const tenant = 'acme' as TenantName;
    house.emit({
      type: 'return_changed',
      state: 'stopped',
      tenant,
      detail: 'A unique index of legacy is in the way.',
    });
    expect([await tellBack('acme'), (await lookAt('acme')).trouble]).toEqual([
      'going back now would lose 1 write',
      'A unique index of legacy is in the way.',
    ]);
    house.emit({ type: 'return_changed', state: 'returning', tenant, detail: 'It goes on.' });
    expect((await lookAt('acme')).back.kind).toBe('sync');
  });
});

describe('retire', () => {
  beforeEach(() => make('start'));
  const handOverAll = async () => {
    await make('hand_over', { all: true });
    await carryOutAll(house);
  };

  test('is refused while legacy owns any tenant', async () => {
    await make('hand_over', { tenants: ['acme'] });
    await carryOutAll(house);
    const answer = await make('retire', { confirm: 'ai' });
    expect(answer.json.detail).toContain('Legacy still owns ai of globex, initech.');
  });

  test('is refused without the feature’s name, and says that it is the point of no return', async () => {
    await handOverAll();
    for (const more of [{}, { confirm: 'chat' }])
      expect((await make('retire', more)).json.detail).toMatch(/^This is the point of no return/);
    expect((await look()).state).toBe('moving');
  });

  test('is refused while something waits to be carried back', async () => {
    await handOverAll();
    await putOut(house, ACME);
    expect((await make('retire', { confirm: 'ai' })).json.detail).toMatch(
      /^1 write of the new side still waits/,
    );
  });

  test('is refused where the table alone would send writes back to legacy', async () => {
    await handOverAll();
    await house.writeTable(TABLE);
    expect((await make('retire', { confirm: 'ai' })).json.detail).toContain('banyan flip ai new');
  });

  test('ends the move, and every way back', async () => {
    await handOverAll();
    expect((await make('retire', { confirm: 'ai', export: 'none' })).status).toBe(201);
    expect(await look()).toMatchObject({ state: 'retired', tenants: [{ back: { kind: 'over' } }, {}, {}] });
    for (const order of ['start', 'pause', 'resume']) expect((await make(order)).status).toBe(409);
    expect((await make('hand_back', { all: true })).status).toBe(409);
  });
});

describe('a move that is not there', () => {
  test('is answered with how to begin it', async () => {
    await make('start');
    const answer = await make('hand_over', { tenants: ['acme'] }, 'chat');
    expect([answer.status, answer.json.code]).toEqual([404, 'move_unknown']);
    expect(answer.json.detail).toContain('banyan move start chat');
    expect((await house.ask('/api/moves/999')).status).toBe(404);
    expect((await house.ask('/api/moves/none')).status).toBe(404);
  });
});
