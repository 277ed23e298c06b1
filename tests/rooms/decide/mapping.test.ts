import { describe, expect, test } from '@jest/globals';
import { printMistake, readTable } from '../../../src/decide/index.ts';

const read = (mapping: string) =>
  readTable(`version: 1
features:
  ai: { tables: [ai_job] }
  chat:
    tables: [chat_channel, chat_message]
    mapping:
${mapping}
routes: []
`);

function listMistakes(mapping: string): readonly string[] {
  const result = read(mapping);
  return result.kind === 'table' ? [] : result.mistakes.map((mistake) => printMistake('t', mistake));
}

test('a mapping is read below its feature; names may change places', () => {
  const result =
    read(`      chat_message: { from: messages, columns: { body: text, x: y, y: x }, leave_out: [flags, "Ä b"] }
      chat_channel: { from: chat_message }`);
  expect(result.kind === 'table' && result.table.features[1]?.mapping).toEqual({
    chat_message: {
      from: 'messages',
      columns: { body: 'text', x: 'y', y: 'x' },
      leaveOut: ['flags', 'Ä b'],
    },
    chat_channel: { from: 'chat_message' },
  });
  expect(result.kind === 'table' && result.table.features[0]?.mapping).toBeUndefined();
});

describe('what is not one to one, or not known, is told where it stands', () => {
  const cases: readonly [what: string, mapping: string, ...mistakes: string[]][] = [
    [
      'a table that the feature has not',
      '      chat_massage: { from: messages }',
      't:7:7: expected a table listed under tables of feature chat, found "chat_massage" (did you mean "chat_message"?)',
    ],
    [
      'a table of another feature',
      '      ai_job: { from: jobs }',
      't:7:7: expected a table listed under tables of feature chat, found "ai_job"',
    ],
    [
      'the same source twice',
      '      chat_message: { from: messages }\n      chat_channel: { from: messages }',
      't:8:29: expected each table of legacy once, found "messages", which chat_message has already: map that one, too',
    ],
    [
      'the source of a table that has the same name',
      '      chat_message: { from: ai_job }',
      't:7:29: expected each table of legacy once, found "ai_job", which is table ai_job\'s: map that one, too',
    ],
    [
      'a column of legacy twice',
      '      chat_message: { columns: { body: text, title: text } }',
      't:7:53: expected each column of legacy once, found "text", which body has already',
    ],
    [
      'a column that is carried and left out',
      '      chat_message: { columns: { body: text }, leave_out: [text] }',
      't:7:40: expected a column that is carried, found "text", which leave_out lists',
    ],
    [
      'a column left out twice',
      '      chat_message: { leave_out: [flags, flags] }',
      't:7:42: expected each name once, found "flags" again',
    ],
    [
      "the new side's own column",
      '      chat_message: { columns: { tenant_id: owner } }',
      't:7:34: expected another column than tenant_id, which is the new side\'s own, found "tenant_id"',
    ],
    [
      'a name that no column has',
      '      chat_message: { columns: { Body: text } }',
      't:7:34: expected a column name such as body, found "Body"',
    ],
    [
      'a name that no table of legacy has',
      '      chat_message: { from: 7 }',
      't:7:29: expected a name on legacy such as messages (at most 63 characters), found 7',
    ],
    [
      'an unknown key',
      '      chat_message: { form: messages }',
      't:7:23: expected one of the keys from, columns, leave_out, found "form" (did you mean "from"?)',
    ],
    [
      'a list where a mapping belongs',
      '      chat_message: { columns: [text] }',
      't:7:32: expected a mapping, found a list',
    ],
  ];
  test.each(cases)('%s', (_what, mapping, ...mistakes) => {
    expect(listMistakes(mapping)).toEqual(mistakes);
  });
});
