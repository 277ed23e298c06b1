// The new side: what a tenant's rows cost to read, how long 200 callers at once wait for real handlers, and what our own metrics cost.
import type { Part } from '../part.ts';
import { measureCrowd } from './crowd-rows.ts';
import { openFilledStore } from './filled-store.ts';
import { measureMetrics } from './metrics-rows.ts';
import { measureReads } from './read-rows.ts';

const TENANTS = 3;

export const newSide: Part = {
  name: 'new-side',
  title: 'The new side',
  async run(rig) {
    const store = await openFilledStore(TENANTS);
    try {
      rig.say('reads: the store / plain Prisma, beside pg alone');
      const reads = await measureReads(rig, store);
      rig.say('200 callers at once');
      const crowd = await measureCrowd(rig, store);
      rig.say('metrics beside the whole request');
      return [...reads, ...crowd, ...(await measureMetrics(rig, store))];
    } finally {
      await store.close();
    }
  },
};
