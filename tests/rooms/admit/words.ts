export * from '../../../src/vocabulary/index.ts';

/** What the store throws where the database cannot be asked: admit knows it by its name only. */
export class StoreUnavailableForTests extends Error {
  override readonly name = 'StoreUnavailable';
}
