// return: what the new side writes to rows that it owns, carried back to legacy's schemas, so that legacy can have them again at any time.
// `openReturn` carries while it is open, each tenant in order, each batch once; it tells troubles by events and goes on trying. `drain` and
// `prepareReturn` throw theirs (ReturnTrouble, FollowTrouble), in sentences without a row's values.
export { prepareReturn } from './prepare-return.ts';
export { openReturn, type Returning, type ReturnPending, type ReturnWish } from './return.ts';
export { ReturnTrouble } from './return-trouble.ts';
export { advanceSequences, type NextIds, readSequences } from './sequences.ts';
