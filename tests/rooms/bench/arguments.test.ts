import { describe, expect, test } from '@jest/globals';
import { readArguments } from '../../../bench/arguments.ts';

const PARTS = ['corridor', 'bodies'];
const read = (...argv: string[]) => readArguments(argv, PARTS);

test('without arguments everything is measured', () => {
  expect(read()).toEqual({
    kind: 'wish',
    wish: { mode: 'full', only: undefined, rounds: undefined, jsonFile: undefined, svgFile: undefined },
  });
});

test('all arguments together', () => {
  expect(
    read('--short', '--only', 'bodies, corridor', '--rounds', '3', '--json', 'a.json', '--svg=b.svg'),
  ).toEqual({
    kind: 'wish',
    wish: { mode: 'short', only: ['bodies', 'corridor'], rounds: 3, jsonFile: 'a.json', svgFile: 'b.svg' },
  });
});

describe('is not understood, and told how it should be', () => {
  test.each([
    ['an unknown part', ['--only', 'bodies,corrdor'], 'There is no part "corrdor"'],
    ['no number of rounds', ['--rounds', 'many'], '--rounds is a whole number'],
    ['no round at all', ['--rounds', '0'], '--rounds is a whole number'],
    ['both modes', ['--short', '--full'], 'choose one'],
    ['an unknown option', ['--shrot'], '--shrot'],
    ['a word that is none', ['corridor'], 'corridor'],
  ])('%s', (_, argv, words) => {
    const understood = read(...argv);
    expect(understood.kind).toBe('mistake');
    expect('text' in understood && understood.text).toContain(words);
    expect('text' in understood && understood.text).toContain('npm run bench');
  });
});

test('help names the parts', () => {
  expect(read('--help')).toMatchObject({ kind: 'help', text: expect.stringContaining('corridor, bodies') });
});
