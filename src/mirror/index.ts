// mirror: the other side is asked afterwards, Exchange × Exchange → Verdict. It can neither throw into the corridor, nor delay it, nor
// change data. `openMirror` stands in the gateway: it samples, takes copies, and hands them to ONE rehearsal process that may hang, crash
// or eat memory without harm. `serveRehearsals` stands in that process: it compares there, and puts verdicts on record. Mirror knows
// neither handlers nor the store: what runs, what is asked and what is kept is handed in.
export type { FromRehearsals, RehearsalLink, StartRehearsals, ToRehearsals } from './copy.ts';
export type { RehearsalAsk, RehearsalEnd, RunNew } from './judge/rehearse.ts';
export { type RehearsalParts, serveRehearsals } from './judge/serve.ts';
export { type Mirror, type MirrorWish, openMirror, type Watched } from './watch/mirror.ts';
export { startProcess } from './watch/process.ts';
