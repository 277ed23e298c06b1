import { query } from '../support/house.ts';
import type { Direct } from './direct.ts';
import type { GoneBadHouse } from './gone-bad-house.ts';
import { print, type Shot } from './shot.ts';

// Two tenants are read, whose rows nobody changes, so that legacy's answer is always the same; a third one is written to.

const READERS = ['acme', 'globex'] as const;
const WRITER = 'initech';
const READS = [
  '/api/chat/channels/',
  '/api/chat/channels/1/messages/',
  '/api/chat/channels/2/messages/?page_size=5',
  '/api/ai/jobs/',
  '/api/ai/jobs/3/',
  '/api/files/',
  '/api/files/1/content/',
  '/api/auth/me/',
] as const;
const MESSAGES = '/api/chat/channels/1/messages/';
const COMPLETIONS = '/api/ai/completions/';
const JOBS = '/api/ai/jobs/';

/** Fast reads with what legacy itself answers, and one write among twelve. */
export async function listShots(direct: Direct): Promise<readonly Shot[]> {
  const shots: Shot[] = [
    { tenant: WRITER, method: 'POST', target: MESSAGES, weight: 3, body: '{"body":"drill {mark}"}' },
    { tenant: WRITER, method: 'POST', target: COMPLETIONS, weight: 1, body: '{"prompt":"drill {mark}"}' },
  ];
  for (const tenant of READERS)
    for (const target of READS) {
      const { status, headers, bytes } = await direct.get(tenant, target);
      if (status !== 200) throw new Error(`legacy answered ${status} to ${target}`);
      shots.push({ tenant, method: 'GET', target, weight: 3, expected: print(status, headers, bytes) });
    }
  return shots;
}

/** Writes whose answers legacy, asked past the gateway, does not show in the same bytes. */
export async function findUnwritten(
  direct: Direct,
  written: readonly (readonly [target: string, body: string])[],
): Promise<readonly string[]> {
  const shown = {
    [MESSAGES]: await readPages(direct, MESSAGES),
    [COMPLETIONS]: await readPages(direct, JOBS),
  };
  return written.flatMap(([target, body]) =>
    shown[target as keyof typeof shown].includes(body) ? [] : [`${target} ${body.slice(0, 60)}`],
  );
}

async function readPages(direct: Direct, first: string): Promise<string> {
  let [text, target]: [string, string | undefined] = ['', `${first}?page_size=100`];
  while (target !== undefined) {
    const { body } = await direct.get(WRITER, target);
    text += body;
    const { next } = JSON.parse(body) as { next: string | null };
    target = next?.replace(/^https?:\/\/[^/]+/, '');
  }
  return text;
}

const TABLES = ['chat_message', 'ai_job'] as const;

/** Rows of the tenant that was written to, one by one by their hashes, on both sides. */
export async function compareRows({
  legacyUrl,
  storeUrl,
}: Pick<GoneBadHouse['places'], 'legacyUrl' | 'storeUrl'>): Promise<
  Readonly<{ rows: number; different: number }>
> {
  const [tenant] = await query<{ id: number }>(storeUrl, `SELECT id FROM tenant WHERE name = '${WRITER}'`);
  let [rows, different] = [0, 0];
  for (const table of TABLES) {
    const hash = `md5((to_jsonb(t) - 'tenant_id')::text) AS hash`;
    const legacy = await query<{ hash: string }>(legacyUrl, `SELECT ${hash} FROM ${WRITER}.${table} t`);
    const own = await query<{ hash: string }>(
      storeUrl,
      `SELECT ${hash} FROM ${table} t WHERE tenant_id = ${tenant?.id}`,
    );
    rows += legacy.length;
    different += countDifferent(legacy, own) + Math.abs(legacy.length - own.length);
  }
  return { rows, different };
}

type Hashed = readonly Readonly<{ hash: string }>[];

function countDifferent(some: Hashed, others: Hashed): number {
  const known = new Set(others.map(({ hash }) => hash));
  return some.filter(({ hash }) => !known.has(hash)).length;
}
