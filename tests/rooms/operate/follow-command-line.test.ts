import { stripVTControlCharacters } from 'node:util';
import { expect, test } from '@jest/globals';
import type { FollowProgress } from '../../../src/operate/command-line/command.ts';
import { openFollowTelling } from '../../../src/operate/command-line/follow-telling.ts';
import type { Terminal } from '../../../src/operate/command-line/terminal.ts';

function open(screen: Terminal['screen'], manner: 'told' | 'silent' = 'told') {
  const said = { out: '', err: '', ms: 0 };
  const terminal: Terminal = {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    screen,
    env: { NO_COLOR: '1' },
    userName: 'ada',
    readFile: async () => '',
    writeFile: async () => undefined,
    listFiles: async () => [],
  };
  return { said, telling: openFollowTelling(terminal, manner, () => said.ms) };
}

const progress = (more: Partial<FollowProgress> = {}): FollowProgress => ({
  tenants: { done: 100, failed: 0, all: 400 },
  rows: 20_000,
  bytes: { done: 250, all: 1_000 },
  now: ['acme', 'globex'],
  failures: [],
  ended: undefined,
  ...more,
});

test('in a pipe each tenant has one line at its end, and a rest is told on stderr', () => {
  const { said, telling } = open(undefined);
  telling.onProgress(progress());
  telling.onProgress(progress({ ended: { tenant: 'acme', rows: 167 } }));
  telling.onProgress(progress({ ended: { tenant: 'No Host', detail: 'No host can have this name.' } }));
  telling.onRest('legacy takes 300 ms');
  telling.onRest('legacy takes 300 ms');
  telling.onRest(undefined);
  telling.close();
  expect(said.out).toBe('done\tacme\t167\nfailed\tNo Host\tNo host can have this name.\n');
  expect(said.err).toBe('rests: legacy takes 300 ms\ngoes on\n');
});

test('a screen shows tenants, rows, pace, what is left, who is on the way, why it rests, and who has failed', () => {
  const { said, telling } = open({ columns: 140 });
  said.ms = 2_000;
  telling.onRest('the follower has 300 MB of legacy’s log still to read');
  telling.onProgress(progress({ failures: [{ tenant: 'initech', detail: 'A table is missing.' }] }));
  const lines = stripVTControlCharacters(said.out).split('\n');
  expect(lines).toEqual([
    'copy    ██████░░░░░░░░░░░░░░░░░░  100 of 400 tenants · 20,000 rows · 10,000 rows/s · 6.0 s left',
    'now     acme, globex',
    'rests   the follower has 300 MB of legacy’s log still to read',
    'failed  initech: A table is missing.',
    '',
  ]);
  telling.close();
});

test('with --json nothing is told before the end', () => {
  const { said, telling } = open({ columns: 140 }, 'silent');
  said.ms = 2_000;
  telling.onProgress(progress({ ended: { tenant: 'acme', rows: 167 } }));
  telling.onRest('why');
  telling.close();
  expect([said.out, said.err]).toEqual(['', '']);
});
