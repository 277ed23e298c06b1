import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSameRows, type SameRows, type Side, startLegacySide, startNewSide } from '../support/sides.ts';
import { makeQuestions } from './questions.ts';
import { essence } from './same-answer.ts';

// The definition of equal: the same rows, the same requests in the same order, the same status, headers and bytes.
let rows: SameRows;
let legacy: Side;
let fresh: Side;

beforeAll(async () => {
  rows = await createSameRows();
  [legacy, fresh] = await Promise.all([startLegacySide(rows), startNewSide(rows)]);
});

afterAll(async () => {
  await legacy?.close();
  await fresh?.close();
  await rows?.drop();
});

// Ids of the seed, which never change: acme's handbook of more than two chunks, and the first file of the edge rows.
const questions = makeQuestions({ bigFile: 5, oddFile: 6 });

for (const [index, { what, ask }] of questions.entries()) {
  test(`both sides answer alike: ${index + 1}. ${what}`, async () => {
    const [expected, actual] = await Promise.all([legacy.ask(ask), fresh.ask(ask)]);
    expect(essence(actual)).toEqual(essence(expected));
  });
}

test('no question needed a crash of the new side', () => {
  expect(fresh.outcomes.filter((outcome) => outcome.kind !== 'answered')).toEqual([]);
  expect(fresh.events).toEqual([]);
});
