// Several processes serve as one. The primary owns the port and deals connections to its workers, starts a worker anew when one dies,
// asks them for their figures, and lets them drain; it never reads a byte of a request. One worker's crash costs the requests in it
// and nothing else, and a worker that stands still is dealt nothing more.
export { type CrewRest, openCrewRest } from './crew-rest.ts';
export { openPrimary, type Primary, type PrimaryWish } from './primary.ts';
export { type AsWorker, connectToPrimary, type Opened, type ToPrimary } from './worker.ts';
