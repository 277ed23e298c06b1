import { expect, test } from '@jest/globals';
import { BEGINNING, type Flaw, search } from './hand-over.model.ts';

test('in no order of events are there two owners, or is an acknowledged write lost: over and back, two instances, two movers, a crash or a pause', () => {
  const { worlds, fault, story } = search(BEGINNING(1, 2, 1), 'none');
  expect({ fault, story }).toEqual({ fault: undefined, story: [] });
  // So many that they cannot have been thought of one by one.
  expect(worlds).toBeGreaterThan(50_000);
}, 120_000);

test('nor where two writes meet one hand-over', () => {
  expect(search(BEGINNING(2, 1, 1), 'none').fault).toBeUndefined();
}, 120_000);

test.each<Flaw>([
  'no_barrier',
  'confirms_with_writes_under_way',
  'acknowledges_without_a_lease',
  'trusts_what_it_read_before_it_attended',
  'two_movers_do_not_look_at_the_epoch',
  'no_catch_up',
])(
  'the search finds what is wrong with a hand-over that %s',
  (flaw) => {
    const { fault, story } = search(BEGINNING(1, 2, 1), flaw);
    expect(fault).toBeDefined();
    expect(story.length).toBeGreaterThan(2);
  },
  120_000,
);
