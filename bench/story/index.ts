// The story's own figures: what a schema for each tenant costs, and what one set of partitioned tables costs in its place.

import { openFilledStore } from '../new-side/filled-store.ts';
import type { Part } from '../part.ts';
import { measureKitchen } from './kitchen-rows.ts';
import { measurePlanning } from './planning-rows.ts';
import { measureSchemaChange } from './schema-rows.ts';

/** The story's own number; in the short mode a tenth of it. */
const TENANTS = { short: 40, full: 400 } as const;

export const story: Part = {
  name: 'story',
  title: 'A schema for each tenant, and one set of partitioned tables',
  async run(rig) {
    const tenants = TENANTS[rig.mode];
    rig.say(`${tenants} tenants, a schema each, and the same rows in the new store`);
    const store = await openFilledStore(tenants);
    try {
      const schema = await measureSchemaChange(rig, store, tenants);
      const planning = await measurePlanning(rig, store, tenants);
      return [...schema, ...planning, ...(await measureKitchen(rig, store))];
    } finally {
      await store.close();
    }
  },
};
