import type { Trace } from '../vocabulary/index.ts';
import { randomText } from './random.ts';

// https://www.w3.org/TR/trace-context/ sections 3.2 and 4.3. A later version may add fields behind the four that we know.
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const TRACE_AT = 3;
const PARENT_AT = 36;
const FLAGS_END = 55;
const NO_TRACE = '0'.repeat(32);
const NO_PARENT = '0'.repeat(16);
/** The last digit of flags that say "sampled". */
const SAMPLED = '13579bdf';

const MOST_MEMBERS = 32;
const LONGEST_STATE = 4_096;
const KEY = /^(?:[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** Keeps the caller's trace or begins one. Our own span becomes the parent of what the sides do. */
export function readTrace(parents: readonly string[], states: readonly string[]): Trace {
  const spanId = randomText(8, 'hex');
  const parent = readParent(parents);
  // A trace that we begin is one that we log, request by request, under its id: hence sampled.
  if (parent === undefined) return { traceId: randomText(16, 'hex'), spanId, flags: '01', state: undefined };
  return { traceId: parent.traceId, spanId, flags: parent.flags, state: readState(states) };
}

export function writeTraceparent(trace: Trace): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.flags}`;
}

function readParent(values: readonly string[]): Pick<Trace, 'traceId' | 'flags'> | undefined {
  const [value] = values;
  if (values.length !== 1 || value === undefined) return undefined;
  if (!TRACEPARENT.test(value)) return undefined;
  // Cut by their places: groups of a pattern take twice as long.
  if (value.startsWith('ff') || (value.startsWith('00') && value.length > FLAGS_END)) return undefined;
  const traceId = value.slice(TRACE_AT, TRACE_AT + NO_TRACE.length);
  if (traceId === NO_TRACE || value.startsWith(NO_PARENT, PARENT_AT)) return undefined;
  // Of the flags only "sampled" is ours to understand; the others must be zeroed (section 3.2.2.5.2).
  return { traceId, flags: SAMPLED.includes(value.charAt(FLAGS_END - 1)) ? '01' : '00' };
}

// A state that does not parse is dropped whole; it never spoils the parent (section 3.3).
function readState(values: readonly string[]): string | undefined {
  if (values.length === 0) return undefined;
  const state = values.join(',');
  const members = state.split(',').map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''));
  const entries = members.filter((member) => member !== '');
  const keys = new Set(entries.map((entry) => entry.slice(0, entry.indexOf('='))));
  const isGood =
    entries.length > 0 &&
    entries.length <= MOST_MEMBERS &&
    keys.size === entries.length &&
    state.length <= LONGEST_STATE &&
    entries.every(isEntry);
  return isGood ? entries.join(',') : undefined;
}

function isEntry(entry: string): boolean {
  const at = entry.indexOf('=');
  return at > 0 && KEY.test(entry.slice(0, at)) && VALUE.test(entry.slice(at + 1));
}
