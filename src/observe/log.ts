import { Writable } from 'node:stream';
import { createLogger, format, transports } from 'winston';
import type { BanyanEvent, Emit } from '../vocabulary/index.ts';
import type { LineSink } from './line-sink.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'silent';
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'silent'] as const satisfies readonly LogLevel[];

/** One JSON line an event: `time`, `level`, `event`, then the event's own fields. Control bytes are escaped by JSON itself. */
export function createLog(level: LogLevel, sink: LineSink): Emit {
  const logger = createLogger({
    level: level === 'silent' ? 'error' : level,
    silent: level === 'silent',
    format: format.printf(({ level: lineLevel, message, ...fields }) =>
      JSON.stringify({ time: new Date().toISOString(), level: lineLevel, event: message, ...fields }),
    ),
    transports: [new transports.Stream({ stream: toStream(sink), eol: '' })],
  });
  return (event) => {
    const lineLevel = chooseLevel(event);
    if (lineLevel !== undefined && logger.isLevelEnabled(lineLevel))
      logger.log(lineLevel, event.type, readFields(event));
  };
}

function toStream(sink: LineSink): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => {
      sink.write(String(chunk));
      done();
    },
  });
}

function chooseLevel(event: BanyanEvent): Exclude<LogLevel, 'silent'> | undefined {
  switch (event.type) {
    case 'request_received':
    case 'decision_made':
      return undefined;
    case 'request_finished':
      return event.outcome === 'failed' || event.outcome === 'cut' ? 'warn' : 'info';
    case 'bug':
    case 'handler_failed':
      return 'error';
    case 'table_refused':
    case 'flag_read_failed':
    case 'unscoped_query':
    case 'fallback_taken':
      return 'warn';
    case 'part_changed':
      return event.state === 'ready' ? 'info' : 'warn';
    case 'breaker_changed':
      return event.state === 'closed' ? 'info' : 'warn';
    case 'flags_changed':
      return event.state === 'ready' ? 'info' : 'warn';
    default:
      return 'info';
  }
}

function readFields(event: BanyanEvent): Record<string, unknown> {
  const { type: _type, ...fields } = event;
  if (event.type !== 'request_finished') return fields;
  return { ...fields, durationMs: roundMs(event.durationMs), overheadMs: roundMs(event.overheadMs) };
}

const roundMs = (ms: number) => Math.round(ms * 1000) / 1000;
