import type { Rig, Row } from '../part.ts';
import { spreadOf } from '../spread.ts';
import { startDesk } from './desk.ts';
import type { MemoryAsk } from './memory-desk.ts';

const BYTES_PER_KB = 1_024;
const BYTES_PER_MB = BYTES_PER_KB * 1_024;
const ROUNDS = { short: 1, full: 3 } as const;

type Measure = Readonly<{ ask: MemoryAsk; what: string; unit: 'KB' | 'MB'; most: number }>;

const MEASURES: readonly Measure[] = [
  {
    ask: { room: 'decide', source: 'file' },
    what: 'decide keeps of each of 4,000 tenants, flags of the file',
    unit: 'KB',
    most: 2,
  },
  {
    ask: { room: 'decide', source: 'unleash' },
    what: 'decide keeps of each of 4,000 tenants, flags of Unleash',
    unit: 'KB',
    most: 2,
  },
  { ask: { room: 'admit' }, what: 'admit keeps of each of 4,000 callers', unit: 'KB', most: 4 },
  { ask: { room: 'strangers' }, what: 'both keep of 75,000 strangers more', unit: 'MB', most: 2 },
];

export async function measureMemory({ cores, mode }: Rig): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const measure of MEASURES) {
    const bytes: number[] = [];
    for (let round = 0; round < ROUNDS[mode]; round += 1) bytes.push(await askOnce(measure.ask, cores.proxy));
    rows.push(describe(measure, bytes));
  }
  return rows;
}

/** Each time in a process of its own: what one measure leaves behind is no other's. */
async function askOnce(ask: MemoryAsk, cores: string | undefined): Promise<number> {
  const desk = startDesk<MemoryAsk, number>(new URL('./memory-desk.ts', import.meta.url), cores);
  try {
    return await desk.ask(ask);
  } finally {
    await desk.stop();
  }
}

function describe({ what, unit, most }: Measure, bytes: readonly number[]): Row {
  const divisor = unit === 'KB' ? BYTES_PER_KB : BYTES_PER_MB;
  return {
    what,
    seen: spreadOf(bytes.map((each) => each / divisor)),
    unit,
    bound: { kind: 'at_most', least: most },
  };
}
