// The way to legacy: 1 KB of JSON through every proxy, 64 callers at once. Banyan does all that it does in production; its peers do nothing
// but pass on.
import type { Part, Rig, Row } from '../part.ts';
import { type Contestant, onStand, type Stand } from '../stand.ts';
import { CALLERS, makeCallers } from './callers.ts';
import { choosePeers } from './contestants.ts';
import { compareLatency } from './latency.ts';
import { comparePerCpu } from './per-cpu.ts';

const CROWD = 'callers';
const EVERYDAY_RATE = 1_000;

export const corridor: Part = {
  name: 'corridor',
  title: 'The corridor, 1 KB of JSON on 64 connections',
  run: (rig) =>
    onStand(rig, { peers: choosePeers(rig.mode), callers: CALLERS, upstream: 'any' }, (stand) =>
      run(rig, stand),
    ),
};

async function run(rig: Rig, stand: Stand): Promise<readonly Row[]> {
  await stand.load.meet(CROWD, makeCallers(stand));
  const perCpu = await comparePerCpu(rig, stand, CROWD, await addVariants(rig, stand));
  if (rig.mode === 'short') return perCpu.rows;
  const rate = Math.floor(perCpu.ourMost / 2);
  const atHalf = await compareLatency(rig, stand, {
    crowd: CROWD,
    rate,
    rateName: `half of our most (${rate.toLocaleString('en-US')} req/s)`,
    against: 'bare undici',
    bound: { kind: 'at_most', least: 1.5, aim: 1.1 },
    contestants: stand.contestants.filter(({ name }, i) => i === 0 || name === 'bare undici'),
  });
  const everyday = await compareLatency(rig, stand, {
    crowd: CROWD,
    rate: EVERYDAY_RATE,
    rateName: '1,000 req/s',
    against: 'nginx',
    bound: { kind: 'at_most', least: 4, aim: 2 },
    contestants: stand.contestants,
  });
  return [...perCpu.rows, ...atHalf, ...everyday];
}

/** Not judged: a setting whose price is worth knowing. */
async function addVariants({ mode, cores }: Rig, stand: Stand): Promise<readonly Contestant[]> {
  if (mode === 'short') return [];
  return [
    await stand.addBanyan('Banyan, a tag for each request', {
      cores: cores.proxy,
      env: { TAG_BINDING: 'request' },
    }),
  ];
}
