import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import {
  type BanyanEvent,
  BREAKER_STATES,
  CUT_REASONS,
  isOfOneRequest,
  type Revision,
} from '../vocabulary/index.ts';
import { createFlagMetrics } from './flag-metrics.ts';
import { createMirrorMetrics } from './mirror-metrics.ts';
import { createMoveMetrics } from './move-metrics.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { createStoreMetrics } from './store-metrics.ts';

export type Metrics = Readonly<{
  record(event: BanyanEvent): void;
  render(): Promise<string>;
  /** The same as data, for another process to add up. */
  figures(): Promise<readonly object[]>;
}>;

/** The figures of several processes as one: counts are added, states of one thing are the worst of them. */
export function renderFigures(all: readonly (readonly object[])[]): Promise<string> {
  return AggregatorRegistry.aggregate(all.filter((figures) => figures.length > 0) as object[][]).metrics();
}

/**
 * The metrics of contract and `docs/observing.md`. Labels are bounded by the route table (route, stage, feature) or by a closed list
 * (side, reason, verdict, outcome, part): never a tenant, never a path.
 */
export function createMetrics(droppedLogLines: () => number): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'banyan_' });
  const recordRequest = createRequestMetrics(registry);
  const families = createFamilies(registry, droppedLogLines);
  const recordMirror = createMirrorMetrics(registry);
  const recordMoves = createMoveMetrics(registry);
  for (const reason of CUT_REASONS) families.connectionsCut.inc({ reason }, 0);
  const recordFlags = createFlagMetrics(registry);
  const recordStore = createStoreMetrics(registry);
  let revision: Revision | undefined;
  const record = (event: BanyanEvent) => {
    if (isOfOneRequest(event)) {
      recordRequest(event);
      if (event.type === 'decision_made') recordMirror(event);
      else if (event.type === 'request_finished') recordIn(families, event);
      return;
    }
    if (event.type === 'table_swapped' && event.revision !== revision) {
      if (revision !== undefined) families.snapshotRevision.remove({ revision });
      revision = event.revision;
      families.snapshotRevision.set({ revision }, 1);
    }
    recordIn(families, event);
    recordMirror(event);
    recordMoves(event);
    recordFlags(event);
    recordStore(event);
  };
  return { record, render: () => registry.metrics(), figures: () => registry.getMetricsAsJSON() };
}

function createFamilies(registry: Registry, droppedLogLines: () => number) {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `banyan_${name}`, help, labelNames: [...labelNames], registers });
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    aggregator: 'sum' | 'max' | 'min' = 'max',
  ) => new Gauge({ name: `banyan_${name}`, help, labelNames: [...labelNames], registers, aggregator });
  new Counter({
    name: 'banyan_log_lines_dropped_total',
    help: 'Log lines dropped because the log could not be written fast enough',
    registers,
    collect() {
      this.reset();
      this.inc(droppedLogLines());
    },
  });
  return {
    failures: counter('failures_total', "Answers in the gateway's own words, by code", ['code']),
    fallbacks: counter('fallbacks_total', 'Requests that legacy answered because the new side failed', [
      'route',
    ]),
    breakerState: gauge('breaker_state', 'Breaker: 0 closed, 1 half open, 2 open', ['feature', 'side']),
    retries: counter(
      'retries_total',
      'Requests sent to legacy once more, as a stale connection had lost them',
      [],
    ),
    connectionsCut: counter(
      'connections_cut_total',
      "Clients' connections that were not let in, or cut, by reason",
      ['reason'],
    ),
    shedding: gauge('shedding', 'Whether new requests are refused for event-loop lag: 1 or 0', []),
    flips: counter('flips_total', 'Flips made', []),
    tableRefusals: counter('table_refused_total', 'Route tables refused', []),
    snapshotRevision: gauge('snapshot_revision', 'The revision in force, as a label', ['revision']),
    partReady: gauge('part_ready', 'Whether a part is ready: 1 or 0', ['part'], 'min'),
    crew: { serving: new Set<number>(), leaving: new Set<number>() },
    workers: gauge('workers', 'Processes that share the port and serve', [], 'sum'),
    workerDeaths: counter('worker_deaths_total', 'Processes that ended without being asked to', []),
    unscopedQueries: counter('unscoped_queries_total', 'Queries without the tenant key', ['handler']),
  };
}

function recordIn(families: ReturnType<typeof createFamilies>, event: BanyanEvent): void {
  switch (event.type) {
    case 'request_finished':
      return event.failure === undefined ? undefined : families.failures.inc({ code: event.failure });
    case 'fallback_taken':
      return families.fallbacks.inc({ route: event.routeId });
    case 'breaker_changed':
      return families.breakerState.set(
        { feature: event.feature, side: event.side },
        BREAKER_STATES.indexOf(event.state),
      );
    case 'retry_made':
      return families.retries.inc();
    case 'connection_cut':
      return families.connectionsCut.inc({ reason: event.reason });
    case 'load_changed':
      return families.shedding.set(event.state === 'shedding' ? 1 : 0);
    case 'flip_made':
      return families.flips.inc();
    case 'table_refused':
      return families.tableRefusals.inc();
    case 'part_changed':
      return families.partReady.set({ part: event.part }, event.state === 'ready' ? 1 : 0);
    case 'worker_changed':
      return recordWorker(families, event);
    case 'unscoped_query':
      return families.unscopedQueries.inc({ handler: event.handler });
    default:
      return undefined;
  }
}

function recordWorker(
  families: ReturnType<typeof createFamilies>,
  { worker, state }: Extract<BanyanEvent, { type: 'worker_changed' }>,
): void {
  const { serving, leaving } = families.crew;
  if (state === 'gone' && !leaving.has(worker)) families.workerDeaths.inc();
  if (state === 'leaving') leaving.add(worker);
  if (state === 'starting') leaving.delete(worker);
  if (state === 'serving') serving.add(worker);
  else serving.delete(worker);
  families.workers.set(serving.size);
}
