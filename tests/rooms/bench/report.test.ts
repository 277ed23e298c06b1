import { describe, expect, test } from '@jest/globals';
import type { Bound, Row } from '../../../bench/part.ts';
import { drawChart, judge, printMisses, printTable, writeJson } from '../../../bench/report/index.ts';
import { showNumber } from '../../../bench/report/words.ts';
import { spreadOf } from '../../../bench/spread.ts';

const row = (what: string, figures: readonly number[], bound?: Bound): Row => ({
  what,
  unit: '×',
  seen: spreadOf(figures),
  ...(bound && { bound }),
});
const atLeast: Bound = { kind: 'at_least', least: 0.25, aim: 0.4 };
const atMost: Bound = { kind: 'at_most', least: 4 };
const rows: readonly Row[] = [
  row('÷ nginx', [0.3, 0.2, 0.28], atLeast),
  row('÷ Caddy', [0.1], atLeast),
  row('p99 ÷ nginx <a & b>', [5, 3, 6], atMost),
  row('HAProxy', [44_600]),
  { what: '÷ nothing', unit: '×', seen: undefined, bound: atLeast, note: 'it is not installed' },
];

describe('a row is judged by the median of its rounds', () => {
  test.each([
    [[0.5], atLeast, 'reached'],
    [[0.25], atLeast, 'held'],
    [[0.9, 0.2, 0.1], atLeast, 'missed'],
    [[4], atMost, 'held'],
    [[4.1], atMost, 'missed'],
    [[1], undefined, 'told'],
    [[], atLeast, 'unseen'],
  ] as const)('%j against %j: %s', (figures, bound, verdict) => {
    expect(judge(row('r', figures, bound))).toBe(verdict);
  });
});

test.each([
  [0.256, '0.26'],
  [12.34, '12.3'],
  [99.99, '100.0'],
  [44_600.4, '44,600'],
])('%d is shown as %s', (value, text) => {
  expect(showNumber(value)).toBe(text);
});

test('the table has a line for each row: verdict, bound, median, spread, note', () => {
  expect(printTable('Corridor', rows)).toBe(
    [
      'Corridor',
      '',
      '     what                 expected                    seen          spread',
      '  ✓  ÷ nginx              at least 0.25 × (aim 0.40)  0.28 ×        0.20 to 0.30 in 3 rounds',
      '  ✗  ÷ Caddy              at least 0.25 × (aim 0.40)  0.10 ×',
      '  ✗  p99 ÷ nginx <a & b>  at most 4.00 ×              5.00 ×        3.00 to 6.00 in 3 rounds',
      '  ·  HAProxy                                          44,600 ×',
      '  –  ÷ nothing            at least 0.25 × (aim 0.40)  not measured                            it is not installed',
      '',
    ].join('\n'),
  );
});

test('misses are named; what could not be measured is none', () => {
  const text = printMisses([{ name: 'corridor', rows }]);
  expect(text.split('\n').filter((line) => line.includes('corridor:'))).toEqual([
    '  corridor: ÷ Caddy: 0.10 ×, not at least 0.25 × (aim 0.40)',
    '  corridor: p99 ÷ nginx <a & b>: 5.00 ×, not at most 4.00 ×',
  ]);
  expect(printMisses([{ name: 'corridor', rows: rows.slice(0, 1) }])).toBe('');
});

test('the JSON report tells machine, mode, and each row with its verdict', () => {
  const told = JSON.parse(
    writeJson([{ name: 'corridor', title: 'Corridor', seconds: 1, rows }], {
      mode: 'short',
      cores: { proxy: '1', load: '0' },
    }),
  );
  expect(told).toMatchObject({
    machine: expect.stringContaining('Node '),
    mode: 'short',
    cores: { proxy: '1' },
  });
  expect(told.parts[0].rows.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
    'held',
    'missed',
    'missed',
    'told',
    'unseen',
  ]);
  expect(told.parts[0].rows[0].seen).toEqual({ median: 0.28, low: 0.2, high: 0.3, rounds: 3 });
});

describe('the drawing', () => {
  const svg = drawChart('Banyan & peers', 'a machine', [{ title: 'Corridor', rows }]);

  test('is one well-formed document that needs nothing from elsewhere', () => {
    const opened = svg.match(/<[a-z]+(?:\s[^<>]*)?>/g)?.filter((tag) => !tag.endsWith('/>')).length;
    expect(svg.match(/<\/[a-z]+>/g)).toHaveLength(opened ?? 0);
    expect(svg).not.toMatch(/href|url\(|<script|<style/);
    expect(svg).toContain('Banyan &amp; peers');
    expect(svg).toContain('p99 ÷ nginx &lt;a &amp; b&gt;');
  });

  test('has a bar for each figure, whiskers where there were several rounds, a mark for each bound', () => {
    expect(svg.match(/<rect x=/g)).toHaveLength(4);
    expect(svg.match(/stroke="#111"/g)).toHaveLength(2);
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(3);
    expect(svg).toContain('ratio');
  });

  test('a row that was not measured is not drawn', () => {
    expect(svg).not.toContain('÷ nothing');
  });
});
