import { type BanyanEvent, PARTS, type Part } from '../vocabulary/index.ts';

export type Readiness = Readonly<{
  ready: boolean;
  parts: Readonly<Record<Part, Readonly<{ ready: boolean; detail: string }>>>;
}>;

// Users never wait for these: whether they run is told, and never makes the gateway unready.
const BEHIND_THE_SCENES: readonly Part[] = ['rehearsals', 'follow', 'mover'];

/** Keeps what each part last said of itself. A part that has said nothing yet is not ready. */
export function createHealth() {
  const parts = Object.fromEntries(
    PARTS.map((part) =>
      BEHIND_THE_SCENES.includes(part)
        ? [part, { ready: true, detail: 'not needed so far' }]
        : [part, { ready: false, detail: 'not heard of yet' }],
    ),
  ) as Record<Part, Readiness['parts'][Part]>;
  let isStopping = false;
  let followed = parts.follow.detail;
  let slotNote = '';
  const record = (event: BanyanEvent) => {
    if (event.type === 'part_changed')
      parts[event.part] = { ready: event.state === 'ready', detail: event.detail };
    if (event.type === 'table_swapped') parts.table = { ready: true, detail: `revision ${event.revision}` };
    if (event.type === 'table_refused') {
      const inForce = parts.table.ready ? `; the last good table stays in force` : '';
      parts.table = {
        ready: parts.table.ready,
        detail: `${event.source}: ${event.mistakes.length} mistakes${inForce}`,
      };
    }
    // Silent flags never make the gateway unready: legacy answers, which is the safe case.
    if (event.type === 'flags_changed')
      parts.flags = { ready: true, detail: `${event.source}: ${event.state}, ${event.detail}` };
    if (event.type === 'rehearsals_changed')
      parts.rehearsals = { ready: true, detail: `${event.state}: ${event.detail}` };
    if (event.type === 'follow_changed') followed = `${event.state}: ${event.detail}`;
    if (event.type === 'slot_changed') slotNote = event.state === 'filling' ? `; ${event.detail}` : '';
    if (event.type === 'follow_changed' || event.type === 'slot_changed')
      parts.follow = { ready: true, detail: `${followed}${slotNote}` };
    if (event.type === 'mover_changed')
      parts.mover = { ready: true, detail: `${event.state}: ${event.detail}` };
    if (event.type === 'load_changed' && !isStopping)
      parts.gateway =
        event.state === 'calm'
          ? { ready: true, detail: 'listening' }
          : { ready: false, detail: `refuses new work: the event loop is ${event.lagMs} ms late` };
    if (event.type === 'stopping') isStopping = true;
    if (event.type === 'stopping') parts.gateway = { ready: false, detail: `stopping on ${event.signal}` };
  };
  return {
    record,
    readiness: (): Readiness => ({
      ready: Object.values(parts).every((part) => part.ready),
      parts: { ...parts },
    }),
  };
}
