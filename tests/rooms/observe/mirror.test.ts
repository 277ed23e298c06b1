import { beforeEach, describe, expect, test } from '@jest/globals';
import { createObserve, type LogLevel, type Observe } from '../../../src/observe/index.ts';
import {
  type BanyanEvent,
  DROP_REASONS,
  NOT_COMPARED_REASONS,
  type RequestId,
  type RouteId,
  type TenantName,
  VERDICTS,
} from '../../../src/vocabulary/index.ts';

let lines: string[] = [];
let observe: Observe;

function open(level: LogLevel = 'info'): void {
  lines = [];
  observe = createObserve({ level, sink: { write: (line) => void lines.push(line), dropped: () => 0 } });
}
beforeEach(() => open());

const route = 'ai.jobs' as RouteId;
const requestId = '9967a8bd-16c5-4e55-9593-86ab69366f1b' as RequestId;
const tenant = 'acme' as TenantName;

type Verdict = Extract<BanyanEvent, { type: 'mirror_verdict' }>;
const verdictOf = (verdict: Verdict['verdict'], more: Partial<Verdict> = {}): Verdict => ({
  type: 'mirror_verdict',
  routeId: route,
  requestId,
  verdict,
  reason: undefined,
  paths: [],
  ...more,
});
const rehearsals = (state: Extract<BanyanEvent, { type: 'rehearsals_changed' }>['state']) =>
  observe.emit({ type: 'rehearsals_changed', state, detail: 'It said nothing for 5000 ms.' });
const follow = (state: 'following' | 'stopped') =>
  observe.emit({ type: 'follow_changed', state, detail: 'slot banyan' });

/** The value of each series of a family, by its labels as they are printed; '' without any. */
async function readFamily(name: string): Promise<Readonly<Record<string, number>>> {
  const text = await observe.metrics();
  const series = [...text.matchAll(new RegExp(`^banyan_${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'))];
  return Object.fromEntries(series.map(([, labels = '', value]) => [labels, Number(value)]));
}

const readLevels = () => lines.map((line) => (JSON.parse(line) as { level: string }).level);

describe('the metrics of shadow comparison', () => {
  test('begin at zero for every reason', async () => {
    expect(await readFamily('mirror_not_compared_total')).toEqual(
      Object.fromEntries(NOT_COMPARED_REASONS.map((reason) => [`reason="${reason}"`, 0])),
    );
    expect(await readFamily('mirror_dropped_total')).toEqual(
      Object.fromEntries(DROP_REASONS.map((reason) => [`reason="${reason}"`, 0])),
    );
    expect([await readFamily('rehearsals_up'), await readFamily('following')]).toEqual([
      { '': 0 },
      { '': 0 },
    ]);
  });

  test('have a zero for every verdict of a route from its first shadowed request, and none for other routes', async () => {
    expect(await readFamily('mirror_verdicts_total')).toEqual({});
    observe.emit({ type: 'decision_made', routeId: route, side: 'legacy', reason: 'stage_shadow' });
    observe.emit({
      type: 'decision_made',
      routeId: 'ai.job' as RouteId,
      side: 'legacy',
      reason: 'stage_legacy',
    });
    observe.emit({ type: 'decision_made', routeId: undefined, side: 'legacy', reason: 'unlisted' });
    expect(await readFamily('mirror_verdicts_total')).toEqual(
      Object.fromEntries(VERDICTS.map((verdict) => [`route="${route}",verdict="${verdict}"`, 0])),
    );
  });

  test('count verdicts by route, and those that compared nothing by their reason', async () => {
    observe.emit(verdictOf('same'));
    observe.emit(verdictOf('same'));
    observe.emit(verdictOf('different', { paths: ['/id'] }));
    observe.emit(verdictOf('not_compared', { reason: 'rows_behind' }));
    expect(await readFamily('mirror_verdicts_total')).toEqual({
      'route="ai.jobs",verdict="same"': 2,
      'route="ai.jobs",verdict="different"': 1,
      'route="ai.jobs",verdict="not_compared"': 1,
    });
    expect(await readFamily('mirror_not_compared_total')).toMatchObject({
      'reason="rows_behind"': 1,
      'reason="rows_apart"': 0,
    });
  });

  test('count dropped copies by reason', async () => {
    for (const reason of [...DROP_REASONS, 'busy'] as const)
      observe.emit({ type: 'mirror_dropped', routeId: route, reason });
    expect(await readFamily('mirror_dropped_total')).toEqual({
      ...Object.fromEntries(DROP_REASONS.map((reason) => [`reason="${reason}"`, 1])),
      'reason="busy"': 2,
    });
  });

  test('tell whether rehearsals are up: they are neither while the process is down nor while copies pause', async () => {
    const up: unknown[] = [];
    for (const state of ['ready', 'paused', 'down', 'resumed', 'ready', 'paused', 'resumed'] as const) {
      rehearsals(state);
      up.push((await readFamily('rehearsals_up'))['']);
    }
    expect(up).toEqual([1, 0, 0, 0, 1, 0, 1]);
  });

  test("tell whether legacy's rows are followed", async () => {
    follow('following');
    expect(await readFamily('following')).toEqual({ '': 1 });
    follow('stopped');
    expect(await readFamily('following')).toEqual({ '': 0 });
  });
});

describe('the log of shadow comparison', () => {
  test('has a line for a difference: where, by route and request', () => {
    observe.emit(verdictOf('different', { paths: ['/items/*/created_at', 'header:etag'] }));
    const [{ time, ...line }] = lines.map((text) => JSON.parse(text)) as [Record<string, unknown>];
    expect(line).toEqual({
      level: 'info',
      event: 'mirror_verdict',
      routeId: route,
      requestId,
      verdict: 'different',
      paths: ['/items/*/created_at', 'header:etag'],
    });
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  test('holds nothing else that an event may carry, and ten paths at most', () => {
    const paths = Array.from({ length: 30 }, (_, index) => `/p${index}`);
    const event = { ...verdictOf('different', { paths }), legacy: { clear: 'hunter2' }, tenant };
    observe.emit(event);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/hunter2|acme|\/p10/);
    expect(lines[0]).toContain('/p9');
  });

  test('is silent about sameness and dropped copies, unless it is asked for everything', () => {
    const tell = () => {
      observe.emit(verdictOf('same'));
      observe.emit(verdictOf('not_compared', { reason: 'rows_apart' }));
      observe.emit({ type: 'mirror_dropped', routeId: route, reason: 'busy' });
    };
    tell();
    expect(lines).toEqual([]);
    open('debug');
    tell();
    expect(readLevels()).toEqual(['debug', 'debug', 'debug']);
    expect(lines[1]).toContain('"reason":"rows_apart"');
  });

  test('warns when rehearsals or the following of rows stop', () => {
    for (const state of ['ready', 'down', 'ready', 'paused', 'resumed'] as const) rehearsals(state);
    follow('following');
    follow('stopped');
    observe.emit({ type: 'rows_parted', tenant, table: 'ai_job' });
    expect(readLevels()).toEqual(['info', 'warn', 'info', 'warn', 'info', 'info', 'warn', 'info']);
  });
});

describe('readiness', () => {
  const makeReady = () => {
    for (const part of ['store', 'legacy', 'table', 'flags', 'gateway'] as const)
      observe.emit({ type: 'part_changed', part, state: 'ready', detail: 'answers' });
  };

  test('does not wait for rehearsals, nor for the following of rows', () => {
    makeReady();
    const { ready, parts } = observe.readiness();
    expect([ready, parts.rehearsals, parts.follow]).toEqual([
      true,
      { ready: true, detail: 'not needed so far' },
      { ready: true, detail: 'not needed so far' },
    ]);
  });

  test('is not lost with them, and tells how they are', () => {
    makeReady();
    rehearsals('down');
    follow('stopped');
    const { ready, parts } = observe.readiness();
    expect([ready, parts.rehearsals.detail, parts.follow.detail]).toEqual([
      true,
      'down: It said nothing for 5000 ms.',
      'stopped: slot banyan',
    ]);
  });
});
