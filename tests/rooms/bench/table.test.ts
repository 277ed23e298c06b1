import { expect, test } from '@jest/globals';
import { fillPath, makeRoutes, makeTable } from '../../../bench/banyan/table.ts';
import { readTable } from '../../../src/decide/index.ts';

test('the table of the bench is a good one, with as many routes as asked for', () => {
  const read = readTable(makeTable(200).text, { handlers: ['ai/jobs'], flagSource: 'file' });
  expect(read).toMatchObject({ kind: 'table' });
  expect(makeTable(200).routes).toHaveLength(200);
});

test('every flag has a list of 400 tenants and a rollout', () => {
  const { text, listed } = makeTable(200);
  expect(listed).toHaveLength(400);
  expect(text.match(/percent: 10$/gm)).toHaveLength(10);
  expect(text.match(/- listed-399$/gm)).toHaveLength(10);
});

test('no two routes are asked for by the same path', () => {
  const paths = makeRoutes(200).map(({ template }, number) => fillPath(template, number));
  expect(new Set(paths).size).toBe(200);
});
