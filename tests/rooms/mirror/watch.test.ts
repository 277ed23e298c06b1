import { afterEach, describe, expect, test } from '@jest/globals';
import { type MirrorWish, openMirror, startProcess } from '../../../src/mirror/index.ts';
import type { BanyanEvent } from '../../../src/vocabulary/index.ts';
import { until } from '../../support/house.ts';
import { answerLike, learnedLike, openLink, readText } from './support.ts';

const LIMITS: MirrorWish['limits'] = {
  bodyBytes: 1_000,
  memoryBytes: 10_000,
  queue: 3,
  atOnce: 2,
  cores: 100,
  lagMs: 10_000,
  silenceMs: 600,
};

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function open(wish: Partial<MirrorWish> & Pick<MirrorWish, 'start'>) {
  const events: BanyanEvent[] = [];
  const mirror = openMirror({
    emit: (event) => void events.push(event),
    askLegacy: async () => answerLike(),
    limits: LIMITS,
    ...wish,
  });
  closers.push(mirror.close);
  const drops = () => events.flatMap((event) => (event.type === 'mirror_dropped' ? [event.reason] : []));
  const lost = () =>
    events.filter((event) => event.type === 'mirror_verdict' && event.reason === 'shadow_failed').length;
  return { mirror, events, drops, lost };
}

/** One exchange that passes by. */
function pass(mirror: ReturnType<typeof openMirror>, body = 'legacy says so', learned = learnedLike()) {
  const watched = mirror.watch(learned);
  watched?.tap?.answerBegan(200, ['Content-Type', 'text/plain']);
  watched?.tap?.answered(Buffer.from(body));
  watched?.ended({ kind: 'answered', status: 200 });
  return watched;
}

describe('copies', () => {
  test('hold what passed by: status, headers, both bodies; and no credential', () => {
    const link = openLink();
    const { mirror } = open({ start: link.start });
    const learned = learnedLike({ method: 'POST' });

    const watched = mirror.watch(learned);
    watched?.tap?.uploaded(Buffer.from('asked'));
    watched?.tap?.answerBegan(201, ['X-One', 'a', 'X-One', 'b']);
    watched?.tap?.answered(Buffer.from('ans'));
    watched?.tap?.answered(Buffer.from('wered'));
    watched?.ended({ kind: 'answered', status: 201 });
    link.hears({ kind: 'ready' });

    const [copy] = link.copies();
    expect(copy?.answer).toMatchObject({ status: 201, headers: ['X-One', 'a', 'X-One', 'b'] });
    expect(readText(copy?.answer.body)).toBe('answered');
    expect(readText(copy?.asked.body)).toBe('asked');
    expect(JSON.stringify(copy?.asked.arrival)).not.toContain('byn_demo_acme');
  });

  test('are not taken where nobody is asked afterwards', () => {
    const link = openLink();
    const { mirror } = open({ start: link.start });

    expect(mirror.watch(learnedLike({ mirror: undefined }))).toBeUndefined();
  });

  test('of a body beyond the limit say so and hold nothing of it', () => {
    const link = openLink();
    const { mirror } = open({ start: link.start });

    pass(mirror, 'x'.repeat(1_001));
    link.hears({ kind: 'ready' });

    expect(link.copies()[0]?.answer.body).toEqual({ kind: 'larger' });
  });

  test('together hold no more than their memory, and give it back', () => {
    const link = openLink();
    const { mirror, drops } = open({
      start: link.start,
      limits: { ...LIMITS, memoryBytes: 1_500, queue: 10 },
    });

    pass(mirror, 'x'.repeat(900));
    pass(mirror, 'x'.repeat(900));
    expect(drops()).toEqual(['bytes_full']);
    link.hears({ kind: 'ready' });
    link.hears({ kind: 'judged', number: link.copies()[0]?.number ?? 0, usedMs: 1 });
    pass(mirror, 'x'.repeat(900));

    expect(link.copies()).toHaveLength(2);
  });

  test('row-106-slow-shadow: wait in a bounded queue, and only so many are judged at once', () => {
    const link = openLink();
    const { mirror, drops } = open({ start: link.start });

    link.wake(mirror);
    link.hears({ kind: 'ready' });
    for (let i = 0; i < 6; i += 1) pass(mirror);

    expect(link.copies()).toHaveLength(2);
    expect(drops()).toEqual(['queue_full']);
    link.hears({ kind: 'judged', number: link.copies()[0]?.number ?? 0, usedMs: 1 });
    expect(link.copies()).toHaveLength(3);
  });

  test('row-106-slow-shadow: rest after each one, and are not taken where they would wait for processor time too long', async () => {
    const link = openLink();
    const { mirror, drops } = open({ start: link.start, limits: { ...LIMITS, queue: 100, cores: 0.1 } });
    const judge = (at: number, usedMs: number) =>
      link.hears({ kind: 'judged', number: link.copies()[at]?.number ?? 0, usedMs });
    link.wake(mirror);
    link.hears({ kind: 'ready' });

    pass(mirror);
    judge(0, 20);
    pass(mirror);
    expect(link.copies()).toHaveLength(1);
    await until(() => link.copies().length === 2, 'its turn');
    judge(1, 1_000);
    pass(mirror);

    expect(drops()).toEqual(['budget']);
  });

  test('of an exchange that the client left, or that another side took over, are dropped', () => {
    const link = openLink();
    const { mirror } = open({ start: link.start });

    mirror.watch(learnedLike())?.ended({ kind: 'abandoned' });
    const watched = mirror.watch(learnedLike());
    watched?.giveUp();
    watched?.ended({ kind: 'answered', status: 200 });
    link.wake(mirror);
    link.hears({ kind: 'ready' });

    expect(link.copies()).toHaveLength(0);
  });
});

describe('a rehearsal process', () => {
  test.each(['silent', 'dying', 'greedy'])(
    'row-106-slow-shadow: that is %s is replaced, its copy counted, nothing else lost',
    async (name) => {
      const module = new URL(`./processes/${name}.ts`, import.meta.url);
      const { mirror, events, lost } = open({ start: startProcess({ module, first: {}, heapMb: 100 }) });

      mirror.wake();
      await until(() => events.some((event) => event.type === 'rehearsals_changed'), 'the process', 15_000);
      pass(mirror);
      await until(() => lost() === 1, 'the loss', 15_000);
      await until(
        () => events.filter((e) => e.type === 'rehearsals_changed' && e.state === 'ready').length === 2,
        'its successor',
        15_000,
      );

      const states = events.flatMap((event) => (event.type === 'rehearsals_changed' ? [event.state] : []));
      // On a busy machine the successor, which is as bad, may be given up already.
      expect(states.slice(0, 3)).toEqual(['ready', 'down', 'ready']);
    },
    40_000,
  );

  test('that dies again and again rests longer and longer, and meanwhile copies are dropped by name', async () => {
    const link = openLink();
    const { mirror, drops, events } = open({ start: link.start });

    mirror.wake();
    link.dies('It ended with code 1.');
    pass(mirror);
    await until(() => link.starts() === 2, 'its second life');
    link.dies('It ended with code 1.');

    expect(drops()).toEqual(['rehearsals_down']);
    const rests = events.flatMap((event) =>
      event.type === 'rehearsals_changed' ? [/in (\d+) ms/.exec(event.detail)?.[1]] : [],
    );
    expect(rests).toEqual(['500', '1000']);
  });
});

describe('a rehearsal process whose handlers never end', () => {
  const GIVEN_UP: BanyanEvent = {
    type: 'mirror_verdict',
    routeId: learnedLike().decision.route as never,
    requestId: learnedLike().arrival.requestId,
    verdict: 'not_compared',
    reason: 'new_too_slow',
    paths: [],
  };

  test('is replaced where one of them burns its processor, and not for honest work', async () => {
    const link = openLink();
    const { mirror, events } = open({ start: link.start });
    link.wake(mirror);
    link.hears({ kind: 'ready' });
    const workOn = async (cores: number) => {
      for (let i = 0; i < 9; i += 1) {
        link.hears({ kind: 'alive', cores });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };

    await workOn(1);
    expect(link.kills()).toBe(0);
    link.hears({ kind: 'event', event: GIVEN_UP });
    await workOn(0.5);
    expect(link.kills()).toBe(0);
    await workOn(1);

    expect(link.kills()).toBe(1);
    const detail = expect.stringContaining('go on burning its processor');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'rehearsals_changed', state: 'down', detail }),
    );
  });

  test('is replaced before they can pile up, and told about', () => {
    const link = openLink();
    const { mirror, events } = open({ start: link.start });
    const giveUp = () => link.hears({ kind: 'event', event: GIVEN_UP });
    link.wake(mirror);
    link.hears({ kind: 'ready' });

    for (let i = 0; i < 19; i += 1) giveUp();
    expect(link.kills()).toBe(0);
    giveUp();

    expect(link.kills()).toBe(1);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'rehearsals_changed',
        state: 'down',
        detail: expect.stringContaining('20 of its handlers did not answer in time'),
      }),
    );
  });
});

describe('writes on their way to legacy', () => {
  test('are known by tenant, so that rows can be told apart', () => {
    const link = openLink();
    const { mirror } = open({ start: link.start });
    const now = Date.now();
    const ask = (tenant: string) => {
      link.hears({
        kind: 'ask_alone',
        question: 1,
        tenant: tenant as never,
        fromMs: now - 1_000,
        toMs: now + 60_000,
      });
      return link.sent().at(-1);
    };
    link.wake(mirror);

    pass(mirror, 'a', learnedLike({ method: 'POST', tenant: 'acme' }));
    expect(ask('acme')).toMatchObject({ alone: 'alone' });
    pass(mirror, 'b', learnedLike({ method: 'POST', tenant: 'acme', mirror: undefined }));

    expect(ask('acme')).toMatchObject({ alone: 'in_company' });
    expect(ask('globex')).toMatchObject({ alone: 'alone' });
  });
});
