import { expect, test } from '@jest/globals';
import { createBulkhead } from '../../../src/defend/bulkhead.ts';

test('a compartment takes as many as its limit, and one more for each that leaves', () => {
  const walls = createBulkhead();
  const one = walls.find('a');

  expect([walls.enter(one, 2), walls.enter(one, 2), walls.enter(one, 2)]).toEqual([true, true, false]);
  walls.leave(one);
  expect([walls.enter(one, 2), walls.enter(one, 2)]).toEqual([true, false]);
});

test('while somebody is in it, everybody finds the same one', () => {
  const walls = createBulkhead(2);
  const busy = walls.find('busy');
  walls.enter(busy, 1);
  for (let i = 0; i < 20; i += 1) {
    const passing = walls.find(`passing ${i}`);
    walls.enter(passing, 1);
    walls.leave(passing);
  }

  expect(walls.find('busy')).toBe(busy);
  expect(walls.renew(busy)).toBe(busy);
  expect(walls.enter(walls.find('busy'), 1)).toBe(false);
});

test('where many rest, all of them are forgotten, and whoever remembers one is led to its successor', () => {
  const walls = createBulkhead(2);
  const remembered = walls.find('a');
  walls.enter(remembered, 1);
  walls.leave(remembered);
  for (const key of ['b', 'c', 'd']) {
    const one = walls.find(key);
    walls.enter(one, 1);
    walls.leave(one);
  }

  expect(remembered.isForgotten).toBe(true);
  const successor = walls.find('a');
  expect(successor).not.toBe(remembered);
  expect(walls.renew(remembered)).toBe(successor);
  walls.enter(successor, 1);
  expect(walls.enter(walls.renew(remembered), 1)).toBe(false);
});

test('none that has been found is forgotten before it is entered, however many others are found meanwhile', () => {
  const walls = createBulkhead(2);
  const found = walls.find('a');
  for (let i = 0; i < 20; i += 1) walls.find(`other ${i}`);

  expect(walls.find('a')).toBe(found);
  expect(found.isForgotten).toBe(false);
});
