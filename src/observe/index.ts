// What happened becomes logs, metrics and health. Typed events in, nothing out: `emit` never throws, never waits, and no room
// asks this one anything. Events carry no secret, header, query or body, so that no sink can leak one.
import { type BanyanEvent, type Emit, isOfOneRequest } from '../vocabulary/index.ts';
import { createHealth, type Readiness } from './health.ts';
import type { LineSink } from './line-sink.ts';
import { createLog, type LogLevel } from './log.ts';
import { createMetrics } from './metrics.ts';

export type { Readiness } from './health.ts';
export { createLineSink, type LineSink } from './line-sink.ts';
export { LOG_LEVELS, type LogLevel } from './log.ts';
export { renderFigures } from './metrics.ts';
export { watchParts } from './part-watch.ts';

export type Observe = Readonly<{
  emit: Emit;
  /** The metrics in Prometheus' text format. */
  metrics(): Promise<string>;
  /** The same as data, for another process to add up. */
  figures(): Promise<readonly object[]>;
  readiness(): Readiness;
  /** Calls `listener` with every event but those of single requests; answers the way to stop it. */
  subscribe(listener: Emit): () => void;
}>;

export function createObserve(wish: Readonly<{ level: LogLevel; sink: LineSink; worker?: number }>): Observe {
  const metrics = createMetrics(() => wish.sink.dropped());
  const health = createHealth();
  const log = createLog(wish.level, wish.sink, wish.worker);
  const listeners = new Set<Emit>();
  const emit = (event: BanyanEvent) => {
    try {
      if (isOfOneRequest(event)) {
        metrics.record(event);
        return log(event);
      }
      metrics.record(event);
      health.record(event);
      log(event);
      for (const listener of listeners) listener(event);
    } catch {
      // An observer that fails must not become a request that fails.
    }
  };
  return Object.freeze({
    emit,
    metrics: metrics.render,
    figures: metrics.figures,
    readiness: health.readiness,
    subscribe: (listener: Emit) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
}
