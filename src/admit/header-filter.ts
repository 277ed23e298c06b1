import type { Credential } from '../vocabulary/index.ts';
import { type Head, type HeaderLine, readList } from './head.ts';

/** Listed in `Connection` or not, these stay: without them the rest would be read differently (faults row 12). */
const NOT_NOMINABLE = new Set(['content-length', 'via']);
const NOTHING: ReadonlySet<string> = new Set();

/** What may go on, name and value in turn, in the order in which it came. */
export function filterHeaders(head: Head, credentials: readonly Credential[]): string[] {
  const nominated = readNominated(head);
  const passed: string[] = [];
  for (const line of head.lines) {
    if (!line.goesOn || isOwnKey(line, credentials)) continue;
    if (nominated.has(line.lower) && !NOT_NOMINABLE.has(line.lower)) continue;
    passed.push(line.name, line.value);
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
function isOwnKey({ lower, value }: HeaderLine, credentials: readonly Credential[]): boolean {
  if (lower !== 'authorization' && lower !== 'x-api-key') return false;
  return credentials.some(
    ({ kind, secret }) => kind !== 'session' && secret.startsWith('byn_') && value.endsWith(secret),
  );
}
