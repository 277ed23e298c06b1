import { setTimeout as delay } from 'node:timers/promises';
import { LegacyRefusal } from '../refusal.ts';

/** What a fault does to a request, decided once. */
export type Fault =
  | Readonly<{ kind: 'slow'; ms: number }>
  /** Waits with the lane held, as a view that waits for its database: whether the caller is still there is not noticed. */
  | Readonly<{ kind: 'hold'; ms: number }>
  | Readonly<{ kind: 'fail'; status: number }>
  /** Never answers. */
  | Readonly<{ kind: 'hang' }>
  /** Does its work, and breaks off in the middle of the answer. */
  | Readonly<{ kind: 'cut' }>
  /** Closes the connection before a byte of the answer. */
  | Readonly<{ kind: 'drop' }>;

type Rule = Readonly<{ method: string; path: RegExp; fault: Fault; chance: number }>;
export type Faults = Readonly<{ find(method: string, path: string): Fault | undefined }>;

const HINT =
  'LEGACY_FAULTS is a list such as "GET /api/dashboard/summary/=slow:3000; POST /api/ai/completions/=fail:500@0.1; GET /api/files/=hang"';
const RULE = /^(\*|[A-Z]+)\s+(\/\S*?)\s*=\s*([a-z]+)(?::(\d+))?(?:@(\d*\.?\d+))?$/;

/**
 * Reads `METHOD PATH=KIND`, separated by `;`. METHOD may be `*`; in PATH `:name` stands for one segment and a final `*` for any rest.
 * KIND is slow:MS, hold:MS, fail:STATUS, hang, cut or drop, with an optional `@PROBABILITY`. The first rule that fits and whose die falls counts.
 */
export function readFaults(text: string): Faults {
  const rules = text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(readRule);
  return {
    find: (method, path) =>
      rules.find(
        (rule) =>
          (rule.method === '*' || rule.method === method) &&
          rule.path.test(path) &&
          Math.random() < rule.chance,
      )?.fault,
  };
}

function readRule(text: string): Rule {
  const [, method = '', path = '', kind = '', number, chance = '1'] = RULE.exec(text) ?? [];
  const fault = readKind(kind, number);
  if (!fault)
    throw new LegacyRefusal(
      `The fault "${text}" cannot be understood: ${HINT}; kinds are slow:MS, hold:MS, fail:STATUS, hang, cut, drop.`,
    );
  if (Number(chance) > 1)
    throw new LegacyRefusal(`The fault "${text}" has a probability above 1: write @0.1 for one in ten.`);
  return { method, path: compilePath(path), fault, chance: Number(chance) };
}

function readKind(kind: string, number: string | undefined): Fault | undefined {
  if ((kind === 'slow' || kind === 'hold') && number) return { kind, ms: Number(number) };
  if (kind === 'fail' && number && /^[45]\d\d$/.test(number)) return { kind, status: Number(number) };
  return number === undefined && (kind === 'hang' || kind === 'cut' || kind === 'drop')
    ? { kind }
    : undefined;
}

function compilePath(path: string): RegExp {
  const source = path
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[a-z_]+/g, '[^/]+')
    .replace(/\*$/, '.*');
  return new RegExp(`^${source}$`);
}

/** Waits, but not for someone who has gone. */
export async function waitUnlessGone(ms: number, gone: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: gone }).catch(() => {});
}
