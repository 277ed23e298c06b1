import type pg from 'pg';
import type { DiffLedger } from '../vocabulary/index.ts';
import { openAdding } from './ledger-add.ts';
import { askLedger } from './ledger-ask.ts';
import { findGroup, findSample, readGroups, readSamples, readTally } from './ledger-reading.ts';
import {
  findUnlock,
  readAudit,
  readNoise,
  writeNoise,
  writeNote,
  writeTriage,
  writeUnlock,
} from './ledger-triage.ts';

/**
 * The ledger of comparisons in `banyan.shadow_*` (docs/ledger.md). Everything throws StoreUnavailable where the database cannot be asked
 * at the moment; then nothing was added, except where the answer to a statement was lost on its way.
 */
export function openLedger(pool: pg.Pool): DiffLedger {
  return Object.freeze({
    add: openAdding(pool),
    learnNoise: (route, paths, atMs) => writeNoise(pool, route, paths, atMs),
    listNoise: () => readNoise(pool),
    tally: (query) => readTally(pool, query),
    listGroups: (query) => readGroups(pool, query),
    findGroup: (id) => findGroup(pool, id),
    listSamples: (of, limit) => readSamples(pool, of, limit),
    findSample: (id) => findSample(pool, id),
    triage: async (id, wish) => ((await writeTriage(pool, id, wish)) ? findGroup(pool, id) : undefined),
    unlock: (unlock) => writeUnlock(pool, unlock),
    findUnlock: (group, atMs) => findUnlock(pool, group, atMs),
    note: (line) => writeNote(pool, line),
    listAudit: (limit) => readAudit(pool, limit),
    keepDays: async (days) => {
      if (!Number.isInteger(days) || days < 1 || days > 400)
        throw new RangeError(`The ledger keeps 1 to 400 days, not ${days}.`);
      await askLedger(pool, 'SELECT banyan.keep_shadow_days($1)', [days]);
    },
  } satisfies DiffLedger);
}
