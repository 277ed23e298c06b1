import { Counter, Gauge, type Registry } from 'prom-client';
import type { BanyanEvent, Reason, RouteId, Side, Stage } from '../vocabulary/index.ts';
import { BucketHistogram, Buckets } from './bucket-histogram.ts';

type Finished = Extract<BanyanEvent, { type: 'request_finished' }>;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const OVERHEAD_SECONDS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25];

const SIDES: readonly (Side | undefined)[] = ['legacy', 'new', undefined];
const ASKED: readonly Side[] = ['legacy', 'new'];
const STAGES: readonly (Stage | undefined)[] = ['legacy', 'shadow', 'canary', 'new', 'retired', undefined];
const OUTCOMES: readonly Finished['outcome'][] = ['answered', 'refused', 'failed', 'cut', 'abandoned'];
const CLASSES = 10;

/** What one route's requests came to. Of the possible combinations few ever occur. */
type RouteTally = Readonly<{ requests: Map<number, Count>; durations: (Buckets | undefined)[] }>;
type Count = { count: number };

/**
 * The figures that every request moves. They are counted in maps and arrays, and prom-client is told when it is scraped: it finds a series by sorting and
 * joining its labels, which seven times a request was 4.5 µs; this is 0.4.
 */
export function createRequestMetrics(registry: Registry): (event: BanyanEvent) => void {
  const tally = { inFlight: 0, overhead: new Buckets(OVERHEAD_SECONDS) };
  const routes = new Map<RouteId | undefined, RouteTally>();
  const decisions = new Map<Reason, Record<Side, number>>();
  register(registry, tally, routes, decisions);
  const finish = (event: Finished) => {
    tally.inFlight -= 1;
    tally.overhead.observe(event.overheadMs / 1000);
    const route = getOrAdd(routes, event.routeId, newRoute);
    const side = SIDES.indexOf(event.side);
    const key = writeKey(side, event);
    getOrAdd(route.requests, key, newCount).count += 1;
    route.durations[side] ??= new Buckets(SECONDS);
    route.durations[side].observe(event.durationMs / 1000);
  };
  return (event) => {
    switch (event.type) {
      case 'request_received':
        tally.inFlight += 1;
        return;
      case 'decision_made': {
        getOrAdd(decisions, event.reason, newSides)[event.side] += 1;
        return;
      }
      case 'request_finished':
        return finish(event);
    }
  };
}

const newRoute = (): RouteTally => ({ requests: new Map(), durations: [] });
const newCount = (): Count => ({ count: 0 });
const newSides = (): Record<Side, number> => ({ legacy: 0, new: 0 });

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** Side, stage, outcome and class as one number, for a map that is quick to ask. */
function writeKey(side: number, { stage, outcome, status }: Finished): number {
  const digit = Math.floor(status / 100);
  return (
    ((side * STAGES.length + STAGES.indexOf(stage)) * OUTCOMES.length + OUTCOMES.indexOf(outcome)) * CLASSES +
    digit
  );
}

function readKey(key: number) {
  const status = key % CLASSES;
  const outcome = Math.floor(key / CLASSES);
  const stage = Math.floor(outcome / OUTCOMES.length);
  const side = Math.floor(stage / STAGES.length);
  return {
    side: SIDES[side] ?? 'none',
    stage: STAGES[stage % STAGES.length] ?? 'none',
    outcome: OUTCOMES[outcome % OUTCOMES.length] ?? '',
    class: `${status}xx`,
  };
}

function register(
  registry: Registry,
  tally: Readonly<{ inFlight: number; overhead: Buckets }>,
  routes: ReadonlyMap<RouteId | undefined, RouteTally>,
  decisions: ReadonlyMap<Reason, Readonly<Record<Side, number>>>,
): void {
  const registers = [registry];
  new Counter({
    name: 'banyan_requests_total',
    help: 'Requests finished',
    labelNames: ['route', 'side', 'stage', 'outcome', 'class'],
    registers,
    collect() {
      this.reset();
      for (const [route = 'unlisted', { requests }] of routes)
        for (const [key, { count }] of requests) this.inc({ route, ...readKey(key) }, count);
    },
  });
  new BucketHistogram(
    {
      name: 'banyan_request_duration_seconds',
      help: 'From the door until the answer had left',
      bounds: SECONDS,
      registers,
    },
    () => listDurations(routes),
  );
  new BucketHistogram(
    {
      name: 'banyan_gateway_overhead_seconds',
      help: 'From the door until a side was asked',
      bounds: OVERHEAD_SECONDS,
      registers,
    },
    () => [{ labels: {}, buckets: tally.overhead }],
  );
  new Gauge({
    name: 'banyan_in_flight',
    help: 'Requests being answered now',
    registers,
    aggregator: 'sum',
    collect() {
      this.set(tally.inFlight);
    },
  });
  new Counter({
    name: 'banyan_decisions_total',
    help: 'Decisions by reason',
    labelNames: ['reason', 'side'],
    registers,
    collect() {
      this.reset();
      for (const [reason, sides] of decisions)
        for (const side of ASKED) if (sides[side] > 0) this.inc({ reason, side }, sides[side]);
    },
  });
}

function* listDurations(routes: ReadonlyMap<RouteId | undefined, RouteTally>) {
  for (const [route = 'unlisted', { durations }] of routes)
    for (const [side, buckets] of durations.entries())
      if (buckets) yield { labels: { route, side: SIDES[side] ?? 'none' }, buckets };
}
