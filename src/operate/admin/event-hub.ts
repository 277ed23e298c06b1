import type { BanyanEvent, Emit } from '../../vocabulary/index.ts';

/** The few events that a person watches live; requests are counted in `/metrics`, not streamed. */
const WATCHED = [
  'table_swapped',
  'table_refused',
  'flags_changed',
  'flip_made',
  'breaker_changed',
  'part_changed',
] as const satisfies readonly BanyanEvent['type'][];

export type WatchedEvent = Extract<BanyanEvent, { type: (typeof WATCHED)[number] }>;
export type NumberedEvent = Readonly<{ id: number; at: Date; event: WatchedEvent }>;

/** What the admin door streams from. Hand its `emit` every event; it keeps the last few of those that people watch. */
export type EventHub = Readonly<{
  emit: Emit;
  /** Calls back for each event after `afterId` that is still kept, then for each new one, until the answer is called. */
  subscribe(afterId: number | undefined, listener: (event: NumberedEvent) => void): () => void;
}>;

const KEPT = 200;

export function openEventHub(now: () => Date = () => new Date()): EventHub {
  const kept: NumberedEvent[] = [];
  const listeners = new Set<(event: NumberedEvent) => void>();
  let lastId = 0;
  return Object.freeze({
    emit: (event) => {
      if (!isWatched(event)) return;
      const numbered = Object.freeze({ id: ++lastId, at: now(), event });
      kept.push(numbered);
      if (kept.length > KEPT) kept.shift();
      for (const listener of listeners) listener(numbered);
    },
    subscribe: (afterId, listener) => {
      if (afterId !== undefined) for (const event of kept.filter(({ id }) => id > afterId)) listener(event);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
}

function isWatched(event: BanyanEvent): event is WatchedEvent {
  return (WATCHED as readonly string[]).includes(event.type);
}
