import type { Credential } from '../vocabulary/index.ts';
import { type Head, readList } from './head.ts';

/** Listed in `Connection` or not, these stay: without them the rest would be read differently (faults row 12). */
const NOT_NOMINABLE = new Set(['content-length', 'via']);
const NOTHING: ReadonlySet<string> = new Set();

/** What may go on, name and value in turn, in the order in which it came. */
export function filterHeaders(head: Head, credentials: readonly Credential[]): string[] {
  const nominated = readNominated(head);
  const passed: string[] = [];
  const { raw, names } = head;
  for (let i = 0; i < names.length; i += 1) {
    const judged = names[i];
    const value = raw[2 * i + 1] ?? '';
    if (judged === undefined || !judged.goesOn || isOwnKey(judged.lower, value, credentials)) continue;
    if (nominated.has(judged.lower) && !NOT_NOMINABLE.has(judged.lower)) continue;
    passed.push(raw[2 * i] ?? '', value);
  }
  return passed;
}

function readNominated(head: Head): ReadonlySet<string> {
  const options = head.all('connection');
  // Nearly always, and neither names a header that goes on anyway.
  if (options.length === 0 || (options.length === 1 && options[0] === 'keep-alive')) return NOTHING;
  return new Set(readList(head, 'connection').map((name) => name.toLowerCase()));
}

// Our own API keys end here: behind the gateway the tag speaks for the caller, and a key that a side never sees, no side can leak.
// Legacy's own tokens (JWTs, Basic, DRF's `Token …`) go on as they came.
function isOwnKey(lower: string, value: string, credentials: readonly Credential[]): boolean {
  if (lower !== 'authorization' && lower !== 'x-api-key') return false;
  return credentials.some(
    ({ kind, secret }) => kind !== 'session' && secret.startsWith('byn_') && value.endsWith(secret),
  );
}
