import { expect, test } from '@jest/globals';
import {
  EQUAL_NAMES,
  isSameMapping,
  listClashes,
  type MappingRules,
  makeMapping,
  type TableRule,
} from '../../../src/vocabulary/index.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'tenant_id'] as const;

/** Numbers that come the same each time (mulberry32). */
function openDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}

function rollRules(dice: (sides: number) => number): MappingRules {
  const roll = () => NAMES[dice(NAMES.length)] ?? 'a';
  const some = <T>(make: () => T): readonly T[] => Array.from({ length: dice(4) }, make);
  const rule = (): TableRule => ({
    from: dice(2) === 0 ? undefined : roll(),
    columns: Object.fromEntries(some(() => [roll(), roll()] as const)),
    leaveOut: some(roll),
  });
  return Object.fromEntries(some(() => [roll(), rule()] as const));
}

test('whatever the rules are, no two names become one, and each way undoes the other', () => {
  const dice = openDice(6);
  const wrong: unknown[] = [];
  for (let nr = 0; nr < 3_000; nr += 1) {
    const rules = rollRules(dice);
    const mapping = makeMapping(rules);
    const pairs = NAMES.flatMap((table) => [
      [mapping.toLegacyTable, mapping.toNewTable, table] as const,
      ...NAMES.map(
        (column) =>
          [
            (name: string) => mapping.toLegacyColumn(table, name),
            (name: string) => mapping.toNewColumn(table, name),
            column,
          ] as const,
      ),
    ]);
    for (const [toLegacy, toNew, name] of pairs) {
      const [legacy, fresh] = [toLegacy(name), toNew(name)];
      const isUndone =
        (legacy === undefined || toNew(legacy) === name) && (fresh === undefined || toLegacy(fresh) === name);
      if (!isUndone) wrong.push({ rules, name, legacy, fresh });
    }
    const again = makeMapping(JSON.parse(JSON.stringify(mapping.rules)) as MappingRules);
    if (!isSameMapping(again, mapping)) wrong.push({ rules, again: again.rules });
  }
  expect(wrong).toEqual([]);
});

test('rules without a clash give every table of theirs its source, and every column', () => {
  const dice = openDice(7);
  const wrong: unknown[] = [];
  let clean = 0;
  for (let nr = 0; nr < 3_000; nr += 1) {
    const rules = rollRules(dice);
    const tables = [...new Set([...Object.keys(rules), 'a', 'b'])];
    if (listClashes(rules, tables).length > 0) continue;
    clean += 1;
    const mapping = makeMapping(rules);
    for (const table of tables) {
      if (mapping.toLegacyTable(table) !== (rules[table]?.from ?? table)) wrong.push({ rules, table });
      for (const [column, legacy] of Object.entries(rules[table]?.columns ?? {}))
        if (column !== 'tenant_id' && mapping.toLegacyColumn(table, column) !== legacy)
          wrong.push({ rules, table, column });
    }
  }
  expect(wrong).toEqual([]);
  expect(clean).toBeGreaterThan(300);
});

test('names may change places; what is taken by another, or left out, has no counterpart', () => {
  const mapping = makeMapping({
    one: { from: 'two', columns: { x: 'y', y: 'x', body: 'text' }, leaveOut: ['flags'] },
    two: { from: 'one' },
    chat: { from: 'messages', columns: { owner: 'tenant_id' } },
  });
  expect([mapping.toLegacyTable('one'), mapping.toLegacyTable('two')]).toEqual(['two', 'one']);
  expect([mapping.toNewColumn('one', 'x'), mapping.toNewColumn('one', 'y')]).toEqual(['y', 'x']);
  expect(['chat', 'messages', 'other'].map(mapping.toNewTable)).toEqual([undefined, 'chat', 'other']);
  expect(mapping.toLegacyTable('messages')).toBeUndefined();
  expect(['flags', 'body', 'id'].map((name) => mapping.toNewColumn('one', name))).toEqual([
    undefined,
    undefined,
    'id',
  ]);
  expect(['flags', 'text', 'body'].map((name) => mapping.toLegacyColumn('one', name))).toEqual([
    undefined,
    undefined,
    'text',
  ]);
  expect(mapping.toNewColumn('chat', 'tenant_id')).toBe('owner');
  expect([mapping.toNewColumn('one', 'tenant_id'), mapping.toLegacyColumn('one', 'tenant_id')]).toEqual([
    undefined,
    undefined,
  ]);
  expect(['one', 'messages', 'elsewhere'].map(mapping.isEqual)).toEqual([false, false, true]);
});

test('what says nothing is no rule, and order says nothing', () => {
  const said = { b: { from: 'b', columns: { id: 'id' } }, a: { columns: { y: 'n', x: 'm' } }, c: {} };
  expect(makeMapping(said).rules).toEqual({ a: { columns: { x: 'm', y: 'n' } } });
  expect(isSameMapping(makeMapping(said), makeMapping({ a: { columns: { x: 'm', y: 'n' } } }))).toBe(true);
  expect(isSameMapping(makeMapping({ c: {} }), EQUAL_NAMES)).toBe(true);
  expect(isSameMapping(makeMapping(said), EQUAL_NAMES)).toBe(false);
});

test('a clash names who takes the same', () => {
  const rules = {
    chat: { from: 'users' },
    mail: { from: 'letters', columns: { body: 'text', title: 'text', size: 'bytes' }, leaveOut: ['bytes'] },
    post: { from: 'letters' },
  };
  expect(listClashes(rules, ['chat', 'users', 'mail', 'post'])).toEqual([
    { what: 'table_twice', table: 'chat', legacy: 'users', with: 'users' },
    { what: 'table_twice', table: 'post', legacy: 'letters', with: 'mail' },
    { what: 'column_twice', table: 'mail', column: 'title', legacy: 'text', with: 'body' },
    { what: 'column_left_out', table: 'mail', column: 'size', legacy: 'bytes', with: 'leave_out' },
  ]);
});
