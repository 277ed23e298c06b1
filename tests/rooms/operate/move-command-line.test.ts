import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { drawMove } from '../../../src/operate/command-line/move-picture.ts';
import type { DriftMore, Terminal } from '../../../src/operate/index.ts';
import type { FeatureName, TenantId } from '../../../src/vocabulary/index.ts';
import { until } from '../../support/house.ts';
import { type AdminHouse, type Asked, openAdminHouse, TABLE } from './admin-house.ts';
import { carryOutAll, changeOwner, clearMoves, noteStranger, putOut, runMover } from './moves.ts';

const ESCAPE = String.fromCharCode(27);
let house: AdminHouse;
let screen: AdminHouse;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  house = await openAdminHouse();
  screen = await openAdminHouse({ screen: { columns: 120 } });
});
afterAll(async () => {
  await house.close();
  await screen.close();
});
beforeEach(async () => {
  for (const one of [house, screen]) {
    await one.writeTable(TABLE);
    await clearMoves(one);
  }
});
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

describe('banyan move hand-over', () => {
  beforeEach(() => house.banyan('move', 'start', 'ai'));

  test('flips the table where it must, waits, and prints each end as a line', async () => {
    stop = runMover(house);
    const ran = await house.banyan('move', 'hand-over', 'ai', '--tenant', 'acme,globex', '--reason', 'first');
    expect([ran.code, ran.err]).toEqual([0, '']);
    const lines = ran.out.trim().split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'story\tRoute ai.complete goes from legacy to canary.',
      'story\tRoute ai.jobs goes from legacy to canary.',
      'story\tFlag ai-engine goes from 0 % to 0 %, takes in acme, globex.'.replace(
        'goes from 0 % to 0 %, ',
        '',
      ),
    ]);
    expect(lines[3]).toMatch(/^flip\t\d+\t[0-9a-f]{12}$/);
    expect(lines.slice(4).toSorted()).toEqual([
      'done\tacme\thand_over\t84.5\t12\t12 rows, equal on both sides',
      'done\tglobex\thand_over\t84.5\t12\t12 rows, equal on both sides',
    ]);
    const again = await house.banyan('move', 'hand-over', 'ai', '--tenant', 'acme');
    expect([again.code, again.out]).toEqual([0, 'settled\tacme\n']);
  });

  test('exits 1 where one of them failed, and says why', async () => {
    stop = runMover(house, [2]);
    const ran = await house.banyan('move', 'hand-over', 'ai', '--all');
    expect(ran.code).toBe(1);
    expect(ran.out).toContain('failed\tglobex\thand_over\t84.5\t-\tRow 3 of ai_job differs.');
  });

  test('prints one JSON value with the orders as they ended', async () => {
    stop = runMover(house);
    const { out } = await house.banyan('move', 'hand-over', 'ai', '--all', '--json');
    expect(JSON.parse(out)).toMatchObject({
      changed: true,
      flip: { author: 'tester' },
      orders: [{ state: 'done' }, { state: 'done' }, { state: 'done' }],
    });
  });

  test('does not wait where it is told so', async () => {
    const ran = await house.banyan('move', 'hand-over', 'ai', '--tenant', 'acme', '--no-wait', '--json');
    expect(JSON.parse(ran.out).orders).toMatchObject([{ state: 'waiting', tenant: 'acme' }]);
  });

  test.each([
    ['nobody is named', []],
    ['both are said', ['--tenant', 'acme', '--all']],
  ])('is wrong usage where %s', async (_what, more) => {
    const ran = await house.banyan('move', 'hand-over', 'ai', ...more);
    expect([ran.code, ran.err.split('\n')[0]]).toEqual([2, 'error: name tenants (--tenant), or say --all']);
  });

  test('draws a bar, the pauses and the failures on a screen, in place', async () => {
    await screen.banyan('move', 'start', 'ai');
    stop = runMover(screen, [2]);
    const { out, code } = await screen.banyan('move', 'hand-over', 'ai', '--all');
    const plain = out.replaceAll(new RegExp(`${ESCAPE}\\[\\d*m`, 'g'), '');
    expect(code).toBe(1);
    expect(plain).toMatch(/hand over ai {3} █{24} {2}3 of 3 tenants · 24 rows · 1 failed/);
    expect(plain).toContain('writes held     half within 85 ms, longest 85 ms');
    expect(plain).toContain('failed          globex: Row 3 of ai_job differs.');
    expect(out).toMatch(new RegExp(`${ESCAPE}\\[\\d+A${ESCAPE}\\[J`));
    expect(plain).toContain('2 of 3 done: hand over ai, 24 rows equal on both sides');
  });
});

describe('waves', () => {
  beforeEach(() => house.banyan('move', 'start', 'ai', '--wave', '2'));

  test('begin only when the one before has ended, and where nothing is said a tenth of one may fail', async () => {
    const { mover } = house.store;
    const ran = await house.banyan('move', 'hand-over', 'ai', '--all', '--no-wait', '--json');
    expect(JSON.parse(ran.out).orders).toHaveLength(3);
    const [one, two] = [await mover.takeOrder(), await mover.takeOrder()];
    expect([one?.wave, two?.wave, await mover.takeOrder()]).toEqual([1, 1, undefined]);
    await mover.endOrder(one?.id ?? 0, { state: 'done', detail: 'done' });
    expect(await mover.takeOrder()).toBeUndefined();
    await mover.endOrder(two?.id ?? 0, { state: 'done', detail: 'done' });
    expect((await mover.takeOrder())?.wave).toBe(2);
    expect((await house.ask('/api/moves?feature=ai')).json.moves[0]).toMatchObject({
      limits: { wave: 2, at_once: null, stop_after: 0 },
      wave: { wave: 2, tenants: 1, running: 1, later: 0, ended: 2 },
    });
  });

  test('stop where too many of one fail: the command says why, and the rest goes on after resume', async () => {
    stop = runMover(house, [2]);
    const ran = await house.banyan('move', 'hand-over', 'ai', '--all');
    expect(ran.code).toBe(1);
    const stopped = (await house.ask('/api/moves?feature=ai')).json.moves[0];
    expect([stopped.state, stopped.paused_why]).toEqual([
      'paused',
      '1 of wave 1 was refused or failed, and none may.',
    ]);
    expect(stopped.tenants[2].order.state).toBe('waiting');
    await house.banyan('move', 'resume', 'ai', '--stop-after', 'none');
    const watched = house.banyan('move', 'status', 'ai', '--watch', '--json');
    await until(async () => (await house.store.moveLook.waves())[0]?.ended === 3, 'the last wave');
    // Whoever was refused is tried at once, by name.
    await stop();
    stop = runMover(house);
    expect((await house.banyan('move', 'retry', 'ai', '--all')).code).toBe(0);
    const lines = (await watched).out.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      state: 'moving',
      tenants: { wanted: 3, owned: 3, waiting: 0 },
      failed: [],
    });
  });

  test('are for all: who is named goes at once', async () => {
    const wrong = await house.banyan('move', 'hand-over', 'ai', '--tenant', 'acme', '--wave', '2');
    expect(wrong.code).toBe(2);
    await house.banyan('move', 'hand-over', 'ai', '--all', '--no-wait');
    const taken = [await house.store.mover.takeOrder(), await house.store.mover.takeOrder()];
    expect(taken.map((order) => order?.tenant)).toEqual([1, 2]);
    await house.banyan('move', 'hand-over', 'ai', '--tenant', 'initech', '--no-wait');
    expect(await house.store.mover.takeOrder()).toMatchObject({ tenant: 3, wave: undefined });
  });

  test('end where all are to be handed back: who has not begun to leave stays, without a pause', async () => {
    await house.banyan('move', 'hand-over', 'ai', '--all', '--no-wait');
    const order = await house.store.mover.takeOrder();
    await changeOwner(house, 1 as TenantId, 'new');
    await house.store.mover.endOrder(order?.id ?? 0, { state: 'done', detail: 'done' });
    const back = await house.banyan('move', 'hand-back', 'ai', '--all', '--no-wait', '--json');
    const { orders, settled } = JSON.parse(back.out);
    expect(orders.map(({ tenant }: Asked['json']) => tenant)).toEqual(['acme']);
    expect(settled).toEqual(['globex', 'initech']);
    expect((await house.store.moves.waiting()).map(({ tenant }) => tenant)).toEqual([1]);
  });

  test('a dry run flips nothing, and leaves every owner', async () => {
    stop = runMover(house);
    const ran = await house.banyan('move', 'hand-over', 'ai', '--all', '--dry-run');
    expect([ran.code, ran.out.match(/^done\t\w+\trehearse\t84\.5/gm)?.length]).toEqual([0, 3]);
    expect(house.readTable()).toBe(TABLE);
    const { tenants } = (await house.ask('/api/moves?feature=ai')).json.moves[0];
    expect(tenants.map(({ owner }: Asked['json']) => owner)).toEqual(['legacy', 'legacy', 'legacy']);
  });

  test('show as bars and groups on a screen, those who failed by name', async () => {
    await screen.banyan('move', 'start', 'ai', '--wave', '2', '--stop-after', '2');
    await screen.banyan('move', 'hand-over', 'ai', '--all', '--no-wait');
    const order = await screen.store.mover.takeOrder();
    await screen.store.mover.endOrder(order?.id ?? 0, {
      state: 'failed',
      detail: 'Row 3 of ai_job differs.',
    });
    const looked = await screen.ask('/api/moves?feature=ai');
    const terminal = { screen: { columns: 120 }, env: { NO_COLOR: '1' } } as unknown as Terminal;
    const plain = drawMove(terminal, looked.json.moves[0], 84_000).join('\n');
    expect(plain).toMatch(/wave 1 {10}█{12}░{12} {2}1 of 2 · 1 failed · 1 more wave/);
    expect(plain).toMatch(/tenants {9}░{24} {2}0 of 3 tenants on the new side · 1 min left/);
    expect(plain).toMatch(/waiting {9}2 tenants/);
    expect(plain).toMatch(/failed {10}acme: Row 3 of ai_job differs\./);
    const watched = screen.banyan('move', 'status', 'ai', '--watch');
    stop = runMover(screen);
    await screen.banyan('move', 'retry', 'ai', '--tenant', 'acme');
    const drawn = (await watched).out.replaceAll(new RegExp(`${ESCAPE}\\[\\d*m`, 'g'), '');
    expect(drawn).toMatch(/tenants {9}█{24} {2}3 of 3 tenants on the new side/);
  });
});

describe('banyan move hand-back and verify', () => {
  beforeEach(async () => {
    await house.banyan('move', 'start', 'ai');
    stop = runMover(house);
  });

  test('wait for their orders, too', async () => {
    await house.banyan('move', 'hand-over', 'ai', '--all');
    const verified = await house.banyan('move', 'verify', 'ai', '--tenant', 'acme');
    expect([verified.code, verified.out]).toEqual([
      0,
      'done\tacme\tverify\t84.5\t12\t12 rows, equal on both sides\n',
    ]);
    const back = await house.banyan('move', 'hand-back', 'ai', '--all', '--reason', 'wrong totals');
    expect([back.code, back.out.match(/^done\t\w+\thand_back/gm)?.length]).toEqual([0, 3]);
    expect(house.readTable()).toContain('stage: legacy');
  });
});

describe('banyan move status', () => {
  const prepare = async (one: AdminHouse) => {
    await one.banyan('move', 'start', 'ai');
    await one.banyan('move', 'hand-over', 'ai', '--tenant', 'acme', 'globex', '--no-wait');
    await carryOutAll(one);
    await putOut(one, 1 as TenantId, 12);
    for (let n = 0; n < 14; n += 1) await noteStranger(one, 2 as TenantId);
  };

  test('says for each tenant who owns it and what going back would take, a line each in a pipe', async () => {
    await prepare(house);
    const { out, code } = await house.banyan('move', 'status');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(code).toBe(0);
    expect(lines.map(([what, feature, name]) => [what, feature, name])).toEqual([
      ['move', 'ai', 'moving'],
      ['tenant', 'ai', 'acme'],
      ['tenant', 'ai', 'globex'],
      ['tenant', 'ai', 'initech'],
    ]);
    expect(lines.slice(1).map((cells) => cells.at(-1))).toEqual([
      expect.stringMatching(/^going back now needs 1[2-9] s of sync$/),
      'going back now would lose 14 writes',
      'legacy owns it',
    ]);
    expect(lines[1]?.[8]).toBe('hand over done, held 85 ms: 12 rows, equal on both sides');
  });

  test('shows only those who are asked for', async () => {
    await prepare(house);
    const { out } = await house.banyan('move', 'status', 'ai', '--tenant', 'globex', '--json');
    expect(JSON.parse(out).moves[0].tenants).toMatchObject([{ tenant: 'globex', strangers: 14 }]);
  });

  test('is a table under a header on a screen', async () => {
    await prepare(screen);
    const { out } = await screen.banyan('move', 'status', 'ai');
    const plain = out.replaceAll(new RegExp(`${ESCAPE}\\[\\d*m`, 'g'), '');
    expect(plain).toMatch(
      /^ai {2}moving since .* UTC: ai_job; the new side owns 2 of 3 tenants\nTENANT +OWNER/,
    );
    expect(plain).toMatch(
      /acme +new +new +just now +1 for 1\d\.\d s +- +hand over done, held 85 ms +never +going back now needs/,
    );
  });

  test('says when both sides were compared last, and aloud where they differ', async () => {
    await prepare(screen);
    const ai = { feature: 'ai' as FeatureName, rows: 12 };
    const detail = '1 of 12 rows differ: ai_job {"id":3} is missing on legacy.';
    await screen.store.mover.noteProof({ ...ai, tenant: 1 as TenantId, state: 'equal', detail: 'All.' });
    await screen.store.mover.noteProof({ ...ai, tenant: 2 as TenantId, state: 'different', detail });
    const { out } = await screen.banyan('move', 'status', 'ai');
    const plain = out.replaceAll(new RegExp(`${ESCAPE}\\[\\d*m`, 'g'), '');
    expect(plain).toMatch(/acme .* just now +going back/);
    expect(plain).toMatch(/globex .* DIFFERENT just now +going back/);
    expect(plain).toMatch(/initech .* never +legacy owns it/);
    expect(plain).toContain(`\nDifferent: ai of globex. ${detail}\n`);
    const { out: json } = await screen.banyan('move', 'status', 'ai', '--tenant', 'globex', '--json');
    expect(JSON.parse(json).moves[0].tenants[0].proof).toMatchObject({
      state: 'different',
      rows: 12,
      detail,
    });
  });

  test('says how to begin where nothing is moved', async () => {
    const nothing = await screen.banyan('move', 'status');
    expect([nothing.code, nothing.out]).toEqual([
      0,
      'Nothing is being moved. Begin: banyan move start FEATURE\n',
    ]);
    const unknown = await house.banyan('move', 'status', 'ai');
    expect([unknown.code, unknown.err]).toEqual([1, 'Nobody moves ai. To begin: banyan move start ai.\n']);
  });
});

describe('banyan move pause, resume and retire', () => {
  test('end with 1 where an instance has not confirmed it', async () => {
    await house.store.tenures.attend({ id: 'a', name: 'late one', epoch: 1, leaseMs: 60_000 });
    const ran = await house.banyan('move', 'start', 'ai');
    expect([ran.code, ran.out]).toEqual([1, expect.stringContaining('Not confirmed yet by late one')]);
  });

  test('say what goes on meanwhile', async () => {
    await house.banyan('move', 'start', 'ai');
    expect((await house.banyan('move', 'pause', 'ai')).out).toMatch(/^The move of ai is paused\./);
    expect((await house.banyan('move', 'resume', 'ai')).out).toMatch(/^The move of ai is under way\./);
    expect((await house.banyan('move', 'resume', 'ai')).out).toBe('The move of ai is under way already.\n');
  });

  const handOverAll = async (one: AdminHouse) => {
    await one.banyan('move', 'start', 'ai');
    await one.banyan('move', 'hand-over', 'ai', '--all', '--no-wait');
    await carryOutAll(one);
  };

  test('retire wants the name in a pipe, the right one', async () => {
    await handOverAll(house);
    const bare = await house.banyan('move', 'retire', 'ai');
    expect([bare.code, bare.err]).toEqual([1, expect.stringContaining('--yes-retire ai')]);
    expect((await house.banyan('move', 'retire', 'ai', '--yes-retire', 'chat')).code).toBe(2);
    const done = await house.banyan('move', 'retire', 'ai', '--yes-retire', 'ai', '--no-export');
    expect([done.code, done.out]).toEqual([
      0,
      expect.stringMatching(/^The move of ai is retired\.[\s\S]*No export was kept/),
    ]);
  });

  test('retire asks at a screen, and changes nothing where the answer is another', async () => {
    await handOverAll(screen);
    screen.answer('chat');
    const refused = await screen.banyan('move', 'retire', 'ai');
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('Nothing was changed.')]);
    screen.answer('ai');
    expect((await screen.banyan('move', 'retire', 'ai', '--no-export')).code).toBe(0);
  });

  describe('with an export', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'retire-'));
      return handOverAll(house);
    });
    afterEach(() => {
      chmodSync(folder, 0o700);
      rmSync(folder, { recursive: true, force: true });
    });
    const retire = (...more: readonly string[]) =>
      house.banyan('move', 'retire', 'ai', '--yes-retire', 'ai', '--export', folder, ...more);
    const readState = async () => (await house.ask('/api/moves?feature=ai')).json.moves[0].state;
    const sum = (file: string) =>
      createHash('sha256')
        .update(readFileSync(join(folder, file)))
        .digest('hex');

    test('keeps an archive of every tenant, a manifest with their hashes, and says how to look at one', async () => {
      const ran = await retire();
      expect([ran.code, ran.err]).toEqual([0, '']);
      expect(ran.out).toContain(
        `An export of 3 tenants is kept in ${folder}, manifest ${sum('manifest.json').slice(0, 12)}….`,
      );
      expect(ran.out).toContain(
        `banyan tenants restore ${join(folder, 'TENANT.banyan.gz')} --as TENANT-before`,
      );
      const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
      expect(manifest.archives.map(({ tenant, sha256 }: Asked['json']) => [tenant.name, sha256])).toEqual(
        ['acme', 'globex', 'initech'].map((name) => [name, sum(`${name}.banyan.gz`)]),
      );
      expect(await readState()).toBe('retired');
    });

    test('keeps what an earlier attempt has finished, and makes the rest', async () => {
      await house.banyan('tenants', 'export', 'acme', join(folder, 'acme.banyan.gz'));
      const before = sum('acme.banyan.gz');
      const ran = await retire('--json');
      expect(JSON.parse(ran.out).export).toMatchObject({ made: 2, kept: 1 });
      expect(sum('acme.banyan.gz')).toBe(before);
    });

    test('retires nothing where an archive of an earlier attempt is damaged', async () => {
      await house.banyan('tenants', 'export', 'acme', join(folder, 'acme.banyan.gz'));
      truncateSync(join(folder, 'acme.banyan.gz'), 100);
      const ran = await retire();
      expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('acme.banyan.gz is damaged')]);
      expect(await readState()).toBe('moving');
    });

    test('retires nothing where the directory cannot be written', async () => {
      writeFileSync(join(folder, 'file'), '');
      folder = join(folder, 'file');
      const ran = await retire();
      expect([ran.code, ran.err]).toEqual([
        1,
        expect.stringMatching(/cannot be written \(\w+\)\. Nothing was changed\./),
      ]);
      expect(await readState()).toBe('moving');
    });
  });
});

describe('banyan move plan', () => {
  const MAPPING = {
    source: 'ai_job',
    target: 'ai_job',
    key: ['id'],
    columns: [{ source: 'id', target: 'id', type: 'integer' }],
    added: 'tenant_id',
    refersTo: ['auth_user'],
  } as const;
  const finding = {
    kind: 'column_missing',
    weight: 'stops',
    tenant: { id: 2 as TenantId, name: 'globex' },
    schema: 'globex',
    place: 'ai_job.cost',
    sentence: 'It has no such column.',
  } as const;
  const openPlanHouse = (findings: readonly (typeof finding)[], screenOf?: { columns: number }) => {
    const asked: object[] = [];
    const drift = {
      read: async (features: object, { leftOut, measureMs }: DriftMore) => {
        asked.push({ features, leftOut, ...(measureMs !== undefined && { measureMs }) });
        const measured = { tenants: 3, rows: 7, ms: 12, left: [] };
        return {
          ...(measureMs !== undefined && { measured }),
          tenants: 3,
          tables: 3,
          mapping: [{ feature: 'ai', tables: [MAPPING] }],
          findings,
        };
      },
      describe: () => [
        '3 tenants, 3 tables: 2 can be moved, 1 cannot.',
        'stops  globex  ai_job.cost: It has no such column.',
      ],
    };
    return openAdminHouse({ drift, ...(screenOf && { screen: screenOf }) }).then((one) => ({ one, asked }));
  };

  test('reads the tables from the route table, prints mapping and findings, and exits 1 where one stops', async () => {
    const { one, asked } = await openPlanHouse([finding]);
    const ran = await one.banyan('move', 'plan', 'ai', '--file', one.file, '--left-out', 'ai_job.notes');
    await one.close();
    expect(asked).toEqual([{ features: { ai: ['ai_job'] }, leftOut: ['ai_job.notes'] }]);
    expect([ran.code, ran.out.trim().split('\n')]).toEqual([
      1,
      [
        'verdict\t3 tenants, 3 tables: 2 can be moved, 1 cannot.',
        'table\tai\tai_job\tai_job\tid\t1\tauth_user',
        'stops\tcolumn_missing\tglobex\tglobex\tai_job.cost\tIt has no such column.',
      ],
    ]);
  });

  test('measures rows for as long as it is told, and says so in a line of its own', async () => {
    const { one, asked } = await openPlanHouse([]);
    const ran = await one.banyan('move', 'plan', 'ai', '--file', one.file, '--measure', '5');
    await one.banyan('move', 'plan', 'ai', '--file', one.file, '--measure');
    const wrong = await one.banyan('move', 'plan', 'ai', '--file', one.file, '--measure', '0');
    await one.close();
    expect(ran.out.split('\n')[1]).toBe('measured\t3\t7\t12\t0');
    expect(asked).toMatchObject([{ measureMs: 5_000 }, { measureMs: 60_000 }]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('from 1 to 86,400')]);
  });

  test('exits 0 where nothing stops anybody, and knows the nearest feature', async () => {
    const { one } = await openPlanHouse([], { columns: 100 });
    const good = await one.banyan('move', 'plan', '--file', one.file);
    const wrong = await one.banyan('move', 'plan', 'aii', '--file', one.file);
    await one.close();
    expect([good.code, good.out]).toEqual([
      0,
      expect.stringContaining('ai_job → ai_job: 1 column and tenant_id, key id; refers to auth_user'),
    ]);
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('Did you mean "ai"?')]);
  });
});
