// Growth: what a request, a new table and a tenant cost when there is ten times as much of everything, and a hundred times. Each size is
// measured once in every round, by the real rooms in a process of their own.
import type { Part } from '../part.ts';
import { measureCosts } from './cost-rows.ts';
import { measureMemory } from './memory-rows.ts';
import { measureReloads } from './reload-rows.ts';

export const growth: Part = {
  name: 'growth',
  title:
    'Growth: with the most of it ÷ with the least, and what a new table costs those who are served meanwhile',
  async run(rig) {
    rig.say('what a request costs');
    const costs = await measureCosts(rig);
    rig.say('what a new table costs');
    const reloads = await measureReloads(rig);
    rig.say('what is kept of a tenant');
    return [...costs, ...reloads, ...(await measureMemory(rig))];
  },
};
