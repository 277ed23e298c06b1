import { LRUCache } from 'lru-cache';
import type { Caller, Side } from '../vocabulary/index.ts';
import type { Clock } from './clock.ts';
import { describeCaller, TAG_LIFE_S, type TagSigner } from './tag.ts';

/** A tag is handed out for so long, and then good for twice as long: a slow side must be able to read it. */
const REUSED_MS = (TAG_LIFE_S * 1000) / 3;
/** Hosts that strangers make up name tenants, too. */
const MOST_STRANGERS = 1_000;

type Kept = Partial<Record<Side, Readonly<{ tag: string; untilMs: number }>>>;

/**
 * Tags that are bound to their caller only. A signature costs 40 µs, more than the rest of what Banyan does with a request; so one serves all that its caller sends
 * in ten seconds. A proof that is checked anew is another caller here: nothing outlives the minute for which a credential is believed.
 */
export function openCallerTags(signTag: TagSigner, clock: Clock): (caller: Caller, side: Side) => string {
  const ofKnown = new WeakMap<Caller, Kept>();
  const ofStrangers = new LRUCache<string, Kept>({ max: MOST_STRANGERS });
  const find = (caller: Caller): Kept => {
    const known = caller.kind === 'known';
    const kept = known ? ofKnown.get(caller) : ofStrangers.get(caller.tenant ?? '');
    if (kept !== undefined) return kept;
    const fresh: Kept = {};
    if (known) ofKnown.set(caller, fresh);
    else ofStrangers.set(caller.tenant ?? '', fresh);
    return fresh;
  };
  return (caller, side) => {
    const kept = find(caller);
    const nowMs = clock.steadyMs();
    const last = kept[side];
    if (last !== undefined && nowMs < last.untilMs) return last.tag;
    const tag = signTag(describeCaller(caller, side));
    kept[side] = { tag, untilMs: nowMs + REUSED_MS };
    return tag;
  };
}
