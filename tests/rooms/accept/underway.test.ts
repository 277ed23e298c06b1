import { expect, test } from '@jest/globals';
import { Underway } from '../../../src/accept/underway.ts';

test('it holds what has entered until it leaves, whoever enters and leaves meanwhile', () => {
  const underway = new Underway<string>();
  const leaveA = underway.enter('a');
  const leaveB = underway.enter('b');
  underway.enter('c');

  leaveB();
  expect([...underway]).toEqual(['a', 'c']);
  underway.enter('d');
  leaveA();

  expect([...underway].sort()).toEqual(['c', 'd']);
  expect(underway.size).toBe(2);
});

test('who leaves twice has left once', () => {
  const underway = new Underway<string>();
  const leave = underway.enter('a');
  underway.enter('b');
  leave();
  leave();

  expect([...underway]).toEqual(['b']);
});

test('nothing is left of what has gone', () => {
  const underway = new Underway<object>();
  for (let i = 0; i < 1_000; i += 1) {
    const leave = [underway.enter({}), underway.enter({})];
    for (const one of leave) one();
  }

  expect(underway.size).toBe(0);
  expect([...underway]).toEqual([]);
});

test('what leaves while all are looked at is not looked at any more, and nobody is left out', () => {
  const underway = new Underway<{ name: string; leave: () => void }>();
  const all = ['a', 'b', 'c', 'd'].map((name) => {
    const one: { name: string; leave: () => void } = { name, leave: () => undefined };
    one.leave = underway.enter(one);
    return one;
  });

  const seen: string[] = [];
  for (const one of underway) {
    seen.push(one.name);
    if (one.name === 'a') all[2]?.leave();
    one.leave();
  }

  expect(seen).toEqual(['a', 'b', 'd']);
  expect(underway.size).toBe(0);
});
