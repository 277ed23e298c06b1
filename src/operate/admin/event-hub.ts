import type { BanyanEvent, Emit } from '../../vocabulary/index.ts';

/** The few events that a person watches live; requests are counted in `/metrics`, not streamed. */
const WATCHED = [
  'table_swapped',
  'table_refused',
  'flags_changed',
  'flip_made',
  'breaker_changed',
  'part_changed',
  'rehearsals_changed',
  'follow_changed',
  'return_changed',
  'stranger_wrote',
  'mover_changed',
  'owner_changed',
  'proof_changed',
  'move_paused',
] as const satisfies readonly BanyanEvent['type'][];

export type WatchedEvent = Extract<BanyanEvent, { type: (typeof WATCHED)[number] }>;
/** Verdicts come by the thousand: whoever watches is told now and then that there are new ones, and asks. */
export type ShownEvent = WatchedEvent | Readonly<{ type: 'diffs_changed' }>;
export type NumberedEvent = Readonly<{ id: number; at: Date; event: ShownEvent }>;

/** What the admin door streams from. Hand its `emit` every event; it keeps the last few of those that people watch. */
export type EventHub = Readonly<{
  emit: Emit;
  /** Somebody has judged a group. */
  tellDiffsChanged(): void;
  /** Calls back for each event after `afterId` that is still kept, then for each new one, until the answer is called. */
  subscribe(afterId: number | undefined, listener: (event: NumberedEvent) => void): () => void;
}>;

const KEPT = 200;
// Longer than the ledger keeps verdicts back before it writes them.
const DIFFS_PAUSE_MS = 2_000;

export function openEventHub(now: () => Date = () => new Date()): EventHub {
  const kept: NumberedEvent[] = [];
  const listeners = new Set<(event: NumberedEvent) => void>();
  let lastId = 0;
  const tell = (event: ShownEvent) => {
    const numbered = Object.freeze({ id: ++lastId, at: now(), event });
    // Whoever comes back asks for the counts anyway, so nothing else is pushed out for them.
    if (event.type !== 'diffs_changed') kept.push(numbered);
    if (kept.length > KEPT) kept.shift();
    for (const listener of listeners) listener(numbered);
  };
  const tellDiffsSoon = gather(() => tell({ type: 'diffs_changed' }), DIFFS_PAUSE_MS);
  return Object.freeze({
    emit: (event) => {
      if (isWatched(event)) tell(event);
      else if (event.type === 'mirror_verdict') tellDiffsSoon();
    },
    tellDiffsChanged: () => tell({ type: 'diffs_changed' }),
    subscribe: (afterId, listener) => {
      if (afterId !== undefined) for (const event of kept.filter(({ id }) => id > afterId)) listener(event);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
}

/** Calls once for everything that comes within the pause, at its end. */
function gather(call: () => void, pauseMs: number): () => void {
  let isWaiting = false;
  const end = () => {
    isWaiting = false;
    call();
  };
  return () => {
    if (!isWaiting) setTimeout(end, pauseMs).unref();
    isWaiting = true;
  };
}

function isWatched(event: BanyanEvent): event is WatchedEvent {
  return (WATCHED as readonly string[]).includes(event.type);
}
