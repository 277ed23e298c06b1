import { describe, expect, test } from '@jest/globals';
import { type BreakerSettings, createSideBreaker, type Trial } from '../../../src/defend/breaker.ts';
import { createBreakerBoard } from '../../../src/defend/breaker-board.ts';
import type { BanyanEvent, BreakerState, FeatureName } from '../../../src/vocabulary/index.ts';

const SETTINGS: BreakerSettings = { failedShare: 0.5, lastAnswers: 20, fewestAnswers: 5, restMs: 1_000 };

/** A breaker with a clock that only the test moves. */
function openBreaker(settings: Partial<BreakerSettings> = {}) {
  let nowMs = 0;
  const states: BreakerState[] = [];
  const breaker = createSideBreaker(
    { ...SETTINGS, ...settings },
    (state) => states.push(state),
    () => nowMs,
  );
  const admit = (): Trial => {
    const trial = breaker.admit();
    if (trial === undefined) throw new Error('kept from the side');
    return trial;
  };
  return {
    ...breaker,
    states,
    admit,
    isKept: () => breaker.admit() === undefined,
    pass: (ms: number) => {
      nowMs += ms;
    },
    async end(verdict: 'ok' | 'failed', times = 1) {
      for (let count = 0; count < times; count += 1) admit().ended(verdict);
      await settle();
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a breaker', () => {
  test('opens when more than half of at least five answers failed, and keeps every request from the side', async () => {
    const breaker = openBreaker();
    await breaker.end('failed', 4);
    expect(breaker.state()).toBe('closed');
    await breaker.end('failed');
    expect([breaker.state(), breaker.isResting(), breaker.isKept()]).toEqual(['open', true, true]);
    expect(breaker.restsForMs()).toBe(1_000);
  });

  test('stays closed at just half of the last twenty, and forgets what lies further back', async () => {
    const breaker = openBreaker();
    await breaker.end('ok', 10);
    await breaker.end('failed', 10);
    expect(breaker.state()).toBe('closed');
    await breaker.end('ok', 20);
    await breaker.end('failed', 10);
    expect(breaker.state()).toBe('closed');
    await breaker.end('failed');
    expect(breaker.state()).toBe('open');
  });

  test('never opens at a share of all', async () => {
    const breaker = openBreaker({ failedShare: 1 });
    await breaker.end('failed', 100);
    expect([breaker.state(), breaker.isResting()]).toEqual(['closed', false]);
  });

  test('learns nothing from a client that has left', async () => {
    const breaker = openBreaker();
    for (let count = 0; count < 50; count += 1) breaker.admit().ended('unknown');
    await settle();
    expect(breaker.state()).toBe('closed');
  });

  test('counts one request once, however often its end is told', async () => {
    const breaker = openBreaker();
    const trial = breaker.admit();
    for (let count = 0; count < 10; count += 1) trial.ended('failed');
    await settle();
    expect(breaker.state()).toBe('closed');
  });

  test('is told by the beginning of a stream that the side works, and nothing by its end', async () => {
    const breaker = openBreaker();
    const streams = Array.from({ length: 20 }, () => breaker.admit());
    for (const stream of streams) stream.began('stream');
    for (const stream of streams) stream.ended('failed');
    await settle();
    expect(breaker.state()).toBe('closed');
  });

  test('counts an answer that began and broke off', async () => {
    const breaker = openBreaker();
    for (let count = 0; count < 5; count += 1) {
      const trial = breaker.admit();
      trial.began('plain');
      trial.ended('failed');
    }
    await settle();
    expect(breaker.state()).toBe('open');
  });
});

describe('after its rest', () => {
  async function openRested() {
    const breaker = openBreaker();
    await breaker.end('failed', 5);
    breaker.pass(999);
    expect(breaker.isKept()).toBe(true);
    breaker.pass(1);
    return breaker;
  }

  test('one request tries the side, and all others wait for it', async () => {
    const breaker = await openRested();
    expect([breaker.isResting(), breaker.state()]).toEqual([false, 'open']);
    breaker.admit();
    expect([breaker.state(), breaker.isResting(), breaker.isKept()]).toEqual(['half_open', true, true]);
  });

  test('it closes when that one is answered, and begins to count anew', async () => {
    const breaker = await openRested();
    await breaker.end('ok');
    expect(breaker.state()).toBe('closed');
    await breaker.end('failed');
    expect(breaker.state()).toBe('closed');
    expect(breaker.states).toEqual(['open', 'half_open', 'closed']);
  });

  test('it closes as soon as that one begins to be answered: a download may go on for long', async () => {
    const breaker = await openRested();
    breaker.admit().began('plain');
    await settle();
    expect(breaker.state()).toBe('closed');
  });

  test('it rests as long again when that one fails', async () => {
    const breaker = await openRested();
    await breaker.end('failed');
    expect([breaker.state(), breaker.restsForMs()]).toEqual(['open', 1_000]);
    breaker.pass(1_000);
    await breaker.end('ok');
    expect(breaker.states).toEqual(['open', 'half_open', 'open', 'half_open', 'closed']);
  });

  test('the next request tries at once when the client of that one has left', async () => {
    const breaker = await openRested();
    breaker.admit().ended('unknown');
    expect([breaker.state(), breaker.isResting()]).toEqual(['half_open', false]);
    await breaker.end('ok');
    expect(breaker.state()).toBe('closed');
  });

  test('another one tries after a further rest while nothing is heard of the first, and whoever is heard of first decides', async () => {
    const breaker = await openRested();
    const hanging = breaker.admit();
    breaker.pass(1_000);
    const second = breaker.admit();
    expect(breaker.isKept()).toBe(true);
    second.ended('ok');
    await settle();
    expect(breaker.state()).toBe('closed');
    hanging.ended('failed');
    await settle();
    expect(breaker.state()).toBe('closed');
  });

  test('what was sent before it opened decides nothing, however it ends', async () => {
    const breaker = openBreaker();
    const early = Array.from({ length: 30 }, () => breaker.admit());
    await breaker.end('failed', 5);
    breaker.pass(1_000);
    const probe = breaker.admit();
    early[0]?.ended('ok');
    early[1]?.ended('failed');
    await settle();
    expect(breaker.state()).toBe('half_open');
    probe.ended('ok');
    await settle();
    for (const trial of early.slice(2)) trial.ended('failed');
    await settle();
    expect(breaker.state()).toBe('closed');
  });

  test('the clock on the wall has no say', async () => {
    const breaker = await openRested();
    const { now } = Date;
    Date.now = () => now() - 86_400_000;
    try {
      await breaker.end('ok');
    } finally {
      Date.now = now;
    }
    expect(breaker.state()).toBe('closed');
  });
});

describe('the breakers of a table', () => {
  const [ai, chat] = ['ai', 'chat'] as FeatureName[] as [FeatureName, FeatureName];

  function openBoard() {
    const events: BanyanEvent[] = [];
    const board = createBreakerBoard({ legacy: SETTINGS, new: SETTINGS }, (event) => events.push(event));
    const fail = async (feature: FeatureName | undefined, side: 'legacy' | 'new') => {
      for (let count = 0; count < 5; count += 1) board.find(feature, side).admit()?.ended('failed');
      await settle();
    };
    return { ...board, events, fail };
  }

  test('are one for each feature and side, and a pair for what no feature lists', async () => {
    const board = openBoard();
    board.keepOnly([ai, chat]);
    await board.fail(ai, 'new');
    await board.fail(undefined, 'legacy');
    expect(board.views().filter(({ state }) => state !== 'closed')).toEqual([
      { feature: 'ai', side: 'new', state: 'open' },
      { feature: 'unlisted', side: 'legacy', state: 'open' },
    ]);
    expect(board.views()).toHaveLength(6);
  });

  test('stay over a new table, go with their feature, and are closed when it comes back', async () => {
    const board = openBoard();
    board.keepOnly([ai, chat]);
    await board.fail(ai, 'new');
    board.keepOnly([ai]);
    expect(board.find(ai, 'new').state()).toBe('open');
    board.keepOnly([chat]);
    board.keepOnly([ai, chat]);
    expect(board.find(ai, 'new').state()).toBe('closed');
    expect(board.events.map((event) => event.type === 'breaker_changed' && event.state)).toEqual([
      'open',
      'closed',
    ]);
  });

  test('that have gone with their feature tell nobody of the requests that were still on their way', async () => {
    const board = openBoard();
    board.keepOnly([ai]);
    const trials = Array.from({ length: 5 }, () => board.find(ai, 'legacy').admit());
    board.keepOnly([]);
    for (const trial of trials) trial?.ended('failed');
    await settle();
    expect(board.events).toEqual([]);
    // A request that was decided by the table before shares what the unlisted have.
    expect(board.find(ai, 'legacy')).toBe(board.find(undefined, 'legacy'));
  });
});
