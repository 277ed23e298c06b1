import { beforeEach, expect, test } from '@jest/globals';
import { type HandOverPorts, handOver } from '../../../src/move/index.ts';
import type { FeatureName, TenantId } from '../../../src/vocabulary/index.ts';

const TASK = {
  order: 'rehearse',
  tenant: 1 as TenantId,
  feature: 'ai' as FeatureName,
  tables: ['ai_job'],
} as const;

let asked: string[];
beforeEach(() => {
  asked = [];
});

/** Ports that note what they are asked; `held` is what the proof says while writes are held. */
function openPorts(held: Awaited<ReturnType<HandOverPorts['verify']>>): HandOverPorts {
  const note =
    <T>(what: string, answer: T) =>
    async () => {
      asked.push(what);
      return answer;
    };
  const step = { tenant: TASK.tenant, feature: TASK.feature, epoch: 7 };
  return {
    book: {
      hold: note('hold', step),
      switchTo: note('switch', step),
      settle: note('settle', true),
      unconfirmed: note('confirmed', 0),
      apart: note('apart', []),
      strangers: note('strangers', 0),
      partStrangers: note('part', []),
      raiseIds: note('ids', undefined),
      lastIds: note('ids', {}),
    },
    catchUp: note('level', 17n as Awaited<ReturnType<HandOverPorts['catchUp']>>),
    drain: note('drain', undefined),
    judgeDrift: note('drift', { hinders: [], noted: [] }),
    verify: async (_task, { kind }) => {
      asked.push(`verify ${kind}`);
      return kind === 'held' ? held : { kind: 'equal', rows: 12 };
    },
    readSequences: note('sequences', {}),
    advanceSequences: note('sequences', undefined),
    outlast: note('outlast', undefined),
  };
}

test('a rehearsal does everything of a hand-over up to the switch, and then lets go', async () => {
  const end = await handOver(openPorts({ kind: 'equal', rows: 12 }), TASK);
  expect(end).toMatchObject({ kind: 'done', rows: 12, heldMs: expect.any(Number) });
  expect(asked).toEqual([
    ...['apart', 'strangers', 'drift', 'level', 'verify live'],
    ...['hold', 'confirmed', 'outlast', 'level', 'verify held'],
    'settle',
  ]);
});

test('a rehearsal that fails lets go, too, and says why', async () => {
  const end = await handOver(openPorts({ kind: 'different', detail: '2 of 12 rows differ.' }), TASK);
  expect(end).toMatchObject({ kind: 'failed', detail: '2 of 12 rows differ.' });
  expect(asked.slice(-2)).toEqual(['verify held', 'settle']);
});
