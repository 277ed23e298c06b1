// handle: the new side answers. `openHandle(...).answer(request, req, res)` runs the handler that the decision names, on the caller's own
// tenant, and answers byte for byte as docs/demo-product.md says. It never rejects: what went wrong comes back as an Outcome, with
// `retrySafe` true only where nothing can have been committed. Effects outside the database go through `Effects`; a rehearsal hands in a
// scope that is undone and ports that record (`recordEffects`). Nothing large is held whole: files stream in both directions.
export { openHttpEngine } from './ai/http-engine.ts';
export { openLocalEngine } from './ai/local-engine.ts';
export { readCompletion } from './ai/recorded-completion.ts';
export type { HandleRequest } from './exchange.ts';
export { type Handle, type HandleWish, openHandle } from './open-handle.ts';
export type { AiAsk, AiEngine, Effects, HandleStore, LiveChat } from './ports.ts';
export { type RecordedEffect, type Recording, recordEffects } from './record-effects.ts';
