import { expect, test } from '@jest/globals';
import { openShares } from '../../../src/store/shares.ts';

const PATIENCE_MS = 40;

test('a feature that holds three quarters of the connections leaves the others to the others', async () => {
  const shares = openShares(4, PATIENCE_MS);
  await Promise.all([shares.take('chat'), shares.take('chat'), shares.take('chat')]);
  await expect(shares.take('chat')).rejects.toMatchObject({ name: 'StoreUnavailable', reason: 'crowded' });
  await shares.take('files');
});

test('who waits is served in turn as places are given back, and whoever gave up is passed over', async () => {
  const shares = openShares(2, PATIENCE_MS);
  const leaveFirst = await shares.take('chat');
  const impatient = shares.take('chat');
  await expect(impatient).rejects.toMatchObject({ reason: 'crowded' });
  const served: string[] = [];
  const [second, third] = ['second', 'third'].map(async (name) => {
    const leave = await shares.take('chat');
    served.push(name);
    return leave;
  });
  leaveFirst();
  (await second)?.();
  (await third)?.();
  expect(served).toEqual(['second', 'third']);
});

test('after everybody has left, all places are there again, however often', async () => {
  const shares = openShares(3, PATIENCE_MS);
  for (let i = 0; i < 100; i += 1) {
    const leaves = await Promise.all([shares.take('chat'), shares.take('chat')]);
    for (const leave of leaves) leave();
  }
  await expect(Promise.all([shares.take('chat'), shares.take('chat')])).resolves.toHaveLength(2);
});

test('a pool of one connection serves every feature', async () => {
  const shares = openShares(1, PATIENCE_MS);
  (await shares.take('chat'))();
  (await shares.take('files'))();
});

test('nobody gets more than there are connections, whoever has them, and a rehearsal needs no place of a feature', async () => {
  const shares = openShares(2, PATIENCE_MS);
  const leave = await shares.take(undefined);
  await shares.take(undefined);
  expect(shares.count()).toEqual({ busy: 2, waiting: 0 });
  await expect(shares.take('chat')).rejects.toMatchObject({ reason: 'crowded' });
  leave();
  await shares.take('chat');
});

test('who cannot have a place yet is in nobody else’s way', async () => {
  const shares = openShares(4, PATIENCE_MS);
  const [leaveOne] = await Promise.all([shares.take('chat'), shares.take('chat'), shares.take('chat')]);
  const last = await shares.take('files');
  const [chat, ai] = [shares.take('chat'), shares.take('ai')];
  expect(shares.count()).toEqual({ busy: 4, waiting: 2 });
  last();
  await ai;
  leaveOne?.();
  await chat;
});
