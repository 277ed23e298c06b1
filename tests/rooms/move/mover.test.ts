import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Mover, openMover } from '../../../src/move/index.ts';
import type {
  BanyanEvent,
  FeatureName,
  MoveOrder,
  MoveOrderKind,
  TenantId,
} from '../../../src/vocabulary/index.ts';
import { type FollowedHouse, startFollowedHouse } from '../../support/follow.ts';
import { until } from '../../support/house.ts';

// A mover at work, with short rounds: what it finds by itself, and what it does not hand over.

const CHAT = 'chat' as FeatureName;
const AI = 'ai' as FeatureName;
const [ACME, GLOBEX] = [1 as TenantId, 2 as TenantId];

let house: FollowedHouse;
let mover: Mover;
const events: BanyanEvent[] = [];
beforeAll(async () => {
  house = await startFollowedHouse({ tenants: 3 });
  await house.store.moves.begin(CHAT, ['chat_channel', 'chat_message']);
  await house.store.moves.begin(AI, ['ai_job']);
  mover = openMover({
    legacyUrl: house.legacyUrl,
    storeUrl: house.database.appUrl,
    store: house.store,
    follower: house.follower,
    emit: (event) => void events.push(event),
    slot: house.slot,
    recheckMs: 600,
  });
});
afterAll(async () => {
  await mover.close();
  await house.close();
});

const proofOf = async (tenant: TenantId, feature: FeatureName) =>
  (await house.store.moveLook.proofs()).find((one) => one.tenant === tenant && one.feature === feature);

const untilProof = (tenant: TenantId, feature: FeatureName, state: string) =>
  until(
    async () => (await proofOf(tenant, feature))?.state === state,
    `${feature} of ${tenant} to be ${state}`,
  );

async function order(tenant: TenantId, feature: FeatureName, kind: MoveOrderKind): Promise<MoveOrder> {
  const placed = await house.store.moves.order({ tenant, feature, order: kind, author: 'test' });
  if (placed === undefined) throw new Error('one is open already');
  let ended: MoveOrder | undefined;
  await until(async () => {
    ended = await house.store.moves.findOrder(placed.id);
    return ended?.endedAt !== undefined;
  }, `${kind} of ${tenant} to end`);
  return ended as MoveOrder;
}

const damage = (sql: string) =>
  house.superuser.query(`BEGIN; SET LOCAL session_replication_role = replica; ${sql}; COMMIT`);

test('every tenant of every move is proven by itself, in a move that is paused as well, and not in one that is retired', async () => {
  await house.store.moves.change(AI, 'paused');
  await until(async () => (await house.store.moveLook.proofs()).length === 6, 'a whole round');
  const proofs = await house.store.moveLook.proofs();
  expect(proofs.map(({ state }) => state)).toEqual(Array(6).fill('equal'));
  const before = await proofOf(GLOBEX, AI);
  await until(
    async () => ((await proofOf(GLOBEX, AI))?.checkedAt ?? 0) > (before?.checkedAt ?? 0),
    'the next',
  );
  expect(before?.detail).toMatch(/^All \d+ rows are the same on both sides\.$/);
  // What was equal from the first is no news.
  expect(events.filter(({ type }) => type === 'proof_changed')).toEqual([]);
  await house.store.moves.change(AI, 'retired');
  const counted = async () => (await proofOf(GLOBEX, AI))?.checkedAt;
  const last = await counted();
  const chat = await proofOf(GLOBEX, CHAT);
  await until(
    async () => ((await proofOf(GLOBEX, CHAT))?.checkedAt ?? 0) > (chat?.checkedAt ?? 0),
    'a round',
  );
  const [, again] = [await untilProof(GLOBEX, CHAT, 'equal'), await counted()];
  expect((again?.getTime() ?? 0) - (last?.getTime() ?? 0)).toBeLessThan(700);
  await house.store.moves.change(AI, 'moving');
});

test('row-115-sequences: ids go on behind those that the other side has given out, also behind rows that are gone, in both directions', async () => {
  const initech = 3 as TenantId;
  const nextOfLegacy = async () => {
    const { rows } = await house.legacy.query<{ id: number }>(
      `SELECT nextval(pg_get_serial_sequence('initech.chat_message', 'id'))::int AS id`,
    );
    return rows[0]?.id ?? 0;
  };
  await house.legacy.query(`SELECT setval(pg_get_serial_sequence('initech.chat_message', 'id'), 70000)`);
  expect((await order(initech, CHAT, 'hand_over')).state).toBe('done');
  expect(await house.store.mover.lastIds(initech, ['chat_message'])).toEqual({ chat_message: 70_000 });
  await house.superuser.query(
    `UPDATE banyan.id_counter SET last_id = 80000 WHERE tenant_id = 3 AND table_name = 'chat_message'`,
  );
  expect((await order(initech, CHAT, 'hand_back')).state).toBe('done');
  expect(await nextOfLegacy()).toBe(80_001);
});

test('row-119-corruption: damage on the new side is found within one round and told, and a hand-over of that tenant is refused until it is mended', async () => {
  await damage(`UPDATE chat_message SET body = body || ' ' WHERE tenant_id = 1 AND id = 3`);
  await untilProof(ACME, CHAT, 'different');
  expect((await proofOf(ACME, CHAT))?.detail).toMatch(
    /^1 of \d+ rows differ: chat_message {"id":3} differs in body\.$/,
  );
  const told = events.filter((event) => event.type === 'proof_changed');
  expect(told).toEqual([
    expect.objectContaining({ tenant: ACME, feature: CHAT, state: 'different', before: 'equal' }),
  ]);
  const refused = await order(ACME, CHAT, 'hand_over');
  expect([refused.state, refused.heldMs, refused.detail]).toEqual([
    'failed',
    undefined,
    expect.stringContaining('chat_message {"id":3} differs in body'),
  ]);
  expect((await order(GLOBEX, CHAT, 'hand_over')).state).toBe('done');
  await damage(`UPDATE chat_message SET body = rtrim(body) WHERE tenant_id = 1 AND id = 3`);
  expect((await order(ACME, CHAT, 'verify')).state).toBe('done');
  expect((await proofOf(ACME, CHAT))?.state).toBe('equal');
  expect((await order(ACME, CHAT, 'hand_over')).state).toBe('done');
});

test('row-119-corruption: damage while the new side owns the rows is found as well, and a hand-back is refused', async () => {
  await damage(`UPDATE chat_message SET id = -4 WHERE tenant_id = 2 AND id = 4`);
  await untilProof(GLOBEX, CHAT, 'different');
  const refused = await order(GLOBEX, CHAT, 'hand_back');
  expect(refused.state).toBe('failed');
  expect(refused.detail).toContain('chat_message {"id":4} is missing on the new side');
  await damage(`UPDATE chat_message SET id = 4 WHERE tenant_id = 2 AND id = -4`);
});

test('row-120-drift: a schema that has drifted stops that tenant only, with a sentence, also where it came a moment ago', async () => {
  await house.legacy.query('ALTER TABLE acme.ai_job ADD COLUMN colour text');
  const refused = await order(ACME, AI, 'hand_over');
  expect([refused.state, refused.heldMs]).toEqual(['failed', undefined]);
  expect(refused.detail).toBe(
    'Its schema is not understood: acme ai_job.colour: The store has no such column, and what it holds would stay behind. Give the store the column, or say that it is left out.',
  );
  expect((await order(GLOBEX, AI, 'hand_over')).state).toBe('done');
  expect((await order(3 as TenantId, AI, 'hand_over')).state).toBe('done');
});

test('row-120-drift: what has drifted since keeps nobody from going back where nothing is lost by it, and is told', async () => {
  await house.legacy.query('ALTER TABLE globex.ai_job ADD COLUMN colour text');
  const back = await order(GLOBEX, AI, 'hand_back');
  expect([back.state, back.detail]).toEqual([
    'done',
    expect.stringMatching(/its schema has drifted: globex ai_job\.colour: The store has no such column/),
  ]);
});

test('rows that do not follow any more are not proven, which is said', async () => {
  await house.superuser.query(`INSERT INTO banyan.row_standing (tenant_id, table_name) VALUES (2, 'ai_job')`);
  await untilProof(GLOBEX, AI, 'failed');
  expect((await proofOf(GLOBEX, AI))?.detail).toBe("The rows of ai_job are apart from legacy's.");
});
