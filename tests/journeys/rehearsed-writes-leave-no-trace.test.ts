import { expect, test } from '@jest/globals';
import { rehearseWrites } from '../drills/rehearsed-writes.ts';

const WRITES = 200;
const WRITE_HANDLERS = [
  'ai/complete',
  'chat/post',
  'files/delete',
  'files/upload',
  'login/login',
  'login/logout',
];

test('row-107-shadowed-writes: two hundred rehearsed writes over all write routes leave every row as it was, and do nothing outside', async () => {
  const { rehearsals, impossible, changed, performed, control } = await rehearseWrites(WRITES);

  const written = rehearsals.filter(({ rows }) => rows > 0).map(({ handler }) => handler);
  const recorded = rehearsals.flatMap(({ effects }) => effects);
  expect(impossible).toEqual({});
  expect(rehearsals.length).toBeGreaterThanOrEqual(WRITES);
  expect(rehearsals.filter(({ status }) => status < 200 || status > 299)).toEqual([]);
  expect([...new Set(written)].sort()).toEqual(WRITE_HANDLERS);
  expect([...new Set(recorded)].sort()).toEqual(['ai_asked', 'chat_published', 'session_ended']);
  expect(new Set(rehearsals.map(({ position }) => position)).size).toBeGreaterThan(1);
  expect(changed).toEqual([]);
  expect(performed).toEqual({ aiAsked: 0, framesHeard: 0 });
  // Whoever counts can count: one message and one completion in earnest.
  expect(control).toMatchObject({ aiAsked: 1, framesHeard: 1 });
  expect(control.changed).toBeGreaterThan(0);
}, 60_000);
