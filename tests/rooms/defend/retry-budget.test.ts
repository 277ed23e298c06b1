import { expect, test } from '@jest/globals';
import { createRetryBudget } from '../../../src/defend/retry-budget.ts';

const spendAll = (budget: ReturnType<typeof createRetryBudget>) => {
  let count = 0;
  while (budget.spend()) count += 1;
  return count;
};

test('begins with enough for a few stale connections', () => {
  expect(spendAll(createRetryBudget())).toBe(10);
});

test('earns one more try with every ten requests', () => {
  const budget = createRetryBudget();
  spendAll(budget);
  for (let count = 0; count < 9; count += 1) budget.earn();
  expect(budget.spend()).toBe(false);
  // A tenth has no exact form in binary.
  for (let count = 0; count < 2; count += 1) budget.earn();
  expect([budget.spend(), budget.spend()]).toEqual([true, false]);
});

test('saves no more than at the beginning, however much was sent', () => {
  const budget = createRetryBudget();
  for (let count = 0; count < 100_000; count += 1) budget.earn();
  expect(spendAll(budget)).toBe(10);
});

test('over a long bad time tries make no more than a tenth of what is asked anyway', () => {
  const budget = createRetryBudget();
  let tries = 0;
  for (let count = 0; count < 10_000; count += 1) {
    budget.earn();
    if (budget.spend()) tries += 1;
  }
  expect(tries).toBeLessThanOrEqual(1_010);
  expect(tries).toBeGreaterThan(950);
});
