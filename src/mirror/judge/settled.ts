import type { RouteId } from '../../vocabulary/index.ts';
import { type FoundDifference, isNoise } from '../compare/index.ts';
import type { Difference } from './finding.ts';

const SETTLED_MS = 60_000;
const MOST = 10_000;

/**
 * Differences about which legacy was asked again and stood by its word. For a minute they need no further asking: a route that always
 * differs would otherwise cost legacy three requests for each one.
 */
export class Settled {
  readonly #untilMs = new Map<string, number>();

  has(route: RouteId, one: Pick<FoundDifference, 'path' | 'kind'>, atMs: number): boolean {
    return (this.#untilMs.get(nameOne(route, one)) ?? 0) > atMs;
  }

  /** What is settled already is not prolonged: it comes up again in its time. */
  note(route: RouteId, { differences, noisy }: Difference, atMs: number): void {
    if (this.#untilMs.size > MOST) this.#untilMs.clear();
    for (const one of differences) {
      if (isNoise(one.path, noisy)) this.#untilMs.delete(nameOne(route, one));
      else if (!this.has(route, one, atMs)) this.#untilMs.set(nameOne(route, one), atMs + SETTLED_MS);
    }
  }
}

const nameOne = (route: RouteId, { path, kind }: Pick<FoundDifference, 'path' | 'kind'>) =>
  `${route} ${kind} ${path}`;
