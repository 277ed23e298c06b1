import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { RouteId } from '../../vocabulary/index.ts';

/** Why a copy is taken: by the table's percentage, or as a boost for what is seldom seen. `maybe`: the answer will tell. */
export type Chosen = 'by_percent' | 'rare_route' | 'maybe' | undefined;

/** A route with fewer copies than this within an hour is rare, and so is a status on it. */
const RARE_COPIES = 100;
const RARE_STATUS = 20;
const WINDOW_MS = 3_600_000;
/** How many exchanges a second may be watched only because they might turn out to be rare. */
const MAYBES_PER_S = 50;
const LARGEST_SHAPED = 16 * 1024;
const MOST_SHAPES = 2_000;
const MOST_STATUSES = 100;

type Seen = { sinceMs: number; copies: number; readonly statuses: Map<number, number> };

export type SamplerWish = Readonly<{ now: () => number; random: () => number }>;

/** Chooses which exchanges are copied: a share of each route's, and more of what is rare. */
export class Sampler {
  readonly #wish: SamplerWish;
  readonly #seen = new Map<RouteId, Seen>();
  readonly #shapes = new LRUCache<string, true>({ max: MOST_SHAPES });
  #maybes = MAYBES_PER_S;
  #filledMs = 0;

  constructor(wish: SamplerWish) {
    this.#wish = wish;
  }

  choose(route: RouteId, percent: number): Chosen {
    if (percent <= 0) return undefined;
    const seen = this.#look(route);
    const isChosen = this.#wish.random() * 100 < percent;
    if (isChosen || seen.copies < RARE_COPIES) {
      seen.copies += 1;
      return isChosen ? 'by_percent' : 'rare_route';
    }
    return this.#takeMaybe() ? 'maybe' : undefined;
  }

  /** Notes the status of an answer; answers how often it has come on this route. */
  noteStatus(route: RouteId, status: number): number {
    const { statuses } = this.#look(route);
    const times = (statuses.get(status) ?? 0) + 1;
    if (statuses.size < MOST_STATUSES || statuses.has(status)) statuses.set(status, times);
    return times;
  }

  /** True where an answer is worth a copy by itself: its status is rare on this route, or its JSON has a new shape. */
  isRare(route: RouteId, status: number, type: string, body: Uint8Array): boolean {
    const times = this.noteStatus(route, status);
    const shape = printShape(type, body);
    const key = `${route} ${status} ${shape}`;
    const isNew = shape !== undefined && !this.#shapes.has(key);
    if (isNew) this.#shapes.set(key, true);
    return times <= RARE_STATUS || isNew;
  }

  #look(route: RouteId): Seen {
    const now = this.#wish.now();
    const known = this.#seen.get(route);
    if (known && now - known.sinceMs < WINDOW_MS) return known;
    const fresh: Seen = { sinceMs: now, copies: 0, statuses: new Map() };
    this.#seen.set(route, fresh);
    return fresh;
  }

  #takeMaybe(): boolean {
    const now = this.#wish.now();
    const gained = ((now - this.#filledMs) / 1000) * MAYBES_PER_S;
    this.#maybes = Math.min(MAYBES_PER_S, this.#maybes + gained);
    this.#filledMs = now;
    if (this.#maybes < 1) return false;
    this.#maybes -= 1;
    return true;
  }
}

/** A hash of the keys and types of a JSON body; undefined where it is none, or too large to be looked at on the way. */
function printShape(type: string, body: Uint8Array): string | undefined {
  if (body.length > LARGEST_SHAPED || !/^application\/(?:[\w.-]+\+)?json\b/i.test(type)) return undefined;
  try {
    const places = new Set<string>();
    walk(JSON.parse(Buffer.from(body).toString('utf8')), '', places, 0);
    return createHash('sha256')
      .update([...places].sort().join('\n'))
      .digest('base64url');
  } catch {
    return 'broken';
  }
}

const DEEPEST = 12;

function walk(value: unknown, place: string, places: Set<string>, depth: number): void {
  if (depth > DEEPEST || places.size > 500) return;
  if (Array.isArray(value)) {
    places.add(`${place}[${value.length === 0 ? '' : '*'}]`);
    for (const item of value) walk(item, `${place}/*`, places, depth + 1);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) walk(item, `${place}/${key}`, places, depth + 1);
  } else {
    places.add(`${place}:${value === null ? 'null' : typeof value}`);
  }
}
