import type { BanyanEvent } from '../vocabulary/index.ts';

export type Finished = Extract<BanyanEvent, { type: 'request_finished' }>;

/** Nothing that JSON would escape. */
const HARMLESS = /^[A-Z-]*$/;

/**
 * The line that every request writes, put together by hand: 1 µs, where JSON.stringify takes 3 and the logger 13. Of all its values only the
 * method is not made by a parser of ours, which lets nothing through that JSON would have to escape.
 */
export function createRequestLine(worker: number | undefined): (event: Finished, level: string) => string {
  const process = worker === undefined ? '' : `,"worker":${worker}`;
  let lastMs = 0;
  let time = '';
  return (event, level) => {
    const nowMs = Date.now();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      time = new Date(nowMs).toISOString();
    }
    const method = HARMLESS.test(event.method) ? `"${event.method}"` : JSON.stringify(event.method);
    return (
      `{"time":"${time}","level":"${level}","event":"request_finished"${process}` +
      `${text('requestId', event.requestId)}${text('traceId', event.traceId)},"method":${method}` +
      `${text('routeId', event.routeId)}${text('stage', event.stage)}${text('side', event.side)}` +
      `${text('reason', event.reason)}${text('revision', event.revision)}${text('tenant', event.tenant)}` +
      `${event.user === undefined ? '' : `,"user":${event.user}`}${text('by', event.by)}` +
      `,"status":${event.status},"outcome":"${event.outcome}"${text('failure', event.failure)}` +
      `,"fellBack":${event.fellBack},"durationMs":${writeMs(event.durationMs)},"overheadMs":${writeMs(event.overheadMs)}}`
    );
  };
}

const text = (name: string, value: string | undefined) =>
  value === undefined ? '' : `,"${name}":"${value}"`;

const US_PER_MS = 1_000;
const LONGEST_US = 2 ** 31;
/** `.001` to `.999`, without the zeros at the end that JSON does not write. */
const FRACTIONS = Array.from({ length: US_PER_MS }, (_, us) => String(us / US_PER_MS).slice(1));

/** To the microsecond, as JSON writes it. The engine takes 0.3 µs to write a fraction, and there are two in each line. */
function writeMs(ms: number): string {
  const us = Math.round(ms * US_PER_MS);
  if (!(us >= 0 && us < LONGEST_US)) return String(us / US_PER_MS);
  return `${Math.floor(us / US_PER_MS)}${FRACTIONS[us % US_PER_MS]}`;
}
