import type { Die } from '../../legacy-stub/seed/random.ts';
import { CHANNELS, contentOf, get, JOBS, ME, messagesOf, writeCursor } from './asks.ts';
import type { Session, Shot } from './shot.ts';

/** What the traffic knows of one tenant by the answers so far. */
export type Known = { readonly files: number[]; readonly links: string[]; readonly sessions: Session[] };
export type Make = (tenant: string, known: Known, die: Die) => Shot;

const RANGES = [
  'bytes=0-9',
  'bytes=5-',
  'bytes=-7',
  'bytes=0-0',
  'bytes=9999999-',
  'bytes=5-4',
  'bytes=0-1,3-4',
] as const;

export function readMessages(tenant: string, { links }: Known, die: Die): Shot {
  const own = links.filter((link) => link.startsWith(CHANNELS));
  if (own.length > 0 && die.onceIn(3)) return get(tenant, die.pick(own));
  const path = messagesOf(die.onceIn(12) ? die.pick(['999', 'x', '2147483648']) : die.between(1, 4));
  return get(tenant, `${path}${pickPage(die)}`);
}

export function readJobs(tenant: string, { links }: Known, die: Die): Shot {
  const own = links.filter((link) => link.startsWith(JOBS));
  return get(tenant, own.length > 0 && die.onceIn(3) ? die.pick(own) : `${JOBS}${pickPage(die)}`);
}

function pickPage(die: Die): string {
  if (die.onceIn(2)) return '';
  const size = `page_size=${die.pick([1, 2, 5, 50, 100, 101, 0, 'abc'])}`;
  if (die.onceIn(2)) return `?${size}`;
  const cursor = die.pick([
    'p=30',
    'r=1&p=10',
    'p=3',
    'p=1',
    'r=1&p=2147483647',
    'p=x',
    'p=3&r=1',
    'r=0&p=9',
  ]);
  return `?${size}&z=1&cursor=${die.onceIn(12) ? 'nonsense' : writeCursor(cursor)}`;
}

export function readContent(tenant: string, { files }: Known, die: Die): Shot {
  if (die.onceIn(40)) return get(tenant, contentOf(die.pick(['9999', 'x'])));
  const file = files.length > 0 && die.onceIn(2) ? die.pick(files) : die.between(1, 4);
  const headers = die.pick<Record<string, string>>([
    {},
    {},
    {},
    { range: die.pick(RANGES) },
    { range: die.pick(RANGES), 'if-range': '"other"' },
    { 'if-none-match': die.pick(['*', '"other"']) },
    { 'if-modified-since': die.pick(['Thu, 08 Jan 2026 00:00:00 GMT', 'nonsense']) },
  ]);
  return get(tenant, contentOf(file), { headers, ...(die.onceIn(10) && { method: 'HEAD' }) });
}

export function readJob(tenant: string, _known: Known, die: Die): Shot {
  const id = die.onceIn(10) ? die.pick(['0', '01', 'x', '2147483648', '-1', '1e1']) : die.between(1, 60);
  return get(tenant, `${JOBS}${id}/`);
}

export function readMe(tenant: string, { sessions }: Known, die: Die): Shot {
  if (sessions.length > 0 && die.onceIn(2)) return get(tenant, ME, { as: die.pick(sessions) });
  return get(tenant, ME, { as: die.onceIn(4) ? 'nobody' : 'key' });
}
