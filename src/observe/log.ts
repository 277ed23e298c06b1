import { Writable } from 'node:stream';
import { createLogger, format, transports } from 'winston';
import type { BanyanEvent, Emit } from '../vocabulary/index.ts';
import type { LineSink } from './line-sink.ts';
import { createRequestLine } from './request-line.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'silent';
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'silent'] as const satisfies readonly LogLevel[];

/**
 * One JSON line an event: `time`, `level`, `event`, the number of the worker where there are several, then the event's own fields.
 * Control bytes are escaped by JSON itself.
 */
export function createLog(level: LogLevel, sink: LineSink, worker?: number): Emit {
  const logger = createLogger({
    level: level === 'silent' ? 'error' : level,
    silent: level === 'silent',
    format: format.printf(({ level: lineLevel, message, ...fields }) =>
      escapeUnseen(
        JSON.stringify({
          time: new Date().toISOString(),
          level: lineLevel,
          event: message,
          worker,
          ...fields,
        }),
      ),
    ),
    transports: [new transports.Stream({ stream: toStream(sink), eol: '' })],
  });
  const writeRequest = createRequestLine(worker);
  const requestLevels = { info: logger.isLevelEnabled('info'), warn: logger.isLevelEnabled('warn') };
  return (event) => {
    const lineLevel = chooseLevel(event);
    if (lineLevel === undefined) return;
    if (event.type === 'request_finished') {
      if (level !== 'silent' && requestLevels[lineLevel as 'info' | 'warn'])
        sink.write(writeRequest(event, lineLevel));
    } else if (logger.isLevelEnabled(lineLevel)) logger.log(lineLevel, event.type, readFields(event));
  };
}

// JSON leaves these as they are: to some terminals they are commands, to some readers the end of a line.
const UNSEEN = /[\u007f-\u009f\u2028\u2029]/g;
const escapeUnseen = (line: string) =>
  line.replace(UNSEEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

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
    case 'flags_heard':
    case 'follow_measured':
    case 'move_counted':
    case 'writes_waiting':
    case 'store_waited':
    case 'store_counted':
      return undefined;
    case 'mirror_dropped':
      return 'debug';
    case 'mirror_verdict':
      return event.verdict === 'different' ? 'info' : 'debug';
    case 'request_finished':
      return event.outcome === 'failed' || event.outcome === 'cut' ? 'warn' : 'info';
    case 'bug':
    case 'handler_failed':
      return 'error';
    case 'table_refused':
    case 'flag_read_failed':
    case 'unscoped_query':
    case 'stranger_wrote':
    case 'fallback_taken':
      return 'warn';
    case 'worker_changed':
      return event.state === 'gone' ? 'warn' : 'info';
    case 'part_changed':
      return event.state === 'ready' ? 'info' : 'warn';
    case 'rehearsals_changed':
      return event.state === 'down' || event.state === 'paused' ? 'warn' : 'info';
    case 'slot_changed':
      return event.state === 'calm' ? 'info' : 'warn';
    case 'follow_changed':
      return event.state === 'following' ? 'info' : 'warn';
    case 'return_changed':
      return event.state === 'returning' ? 'info' : 'warn';
    case 'mover_changed':
      return event.state === 'leading' ? 'info' : 'warn';
    case 'proof_changed':
      return event.state === 'equal' ? 'info' : 'warn';
    case 'move_paused':
      return event.state === 'moving' ? 'info' : 'warn';
    case 'owner_changed':
      return event.ended === 'done' ? 'info' : 'warn';
    case 'retry_made':
    case 'connection_cut':
      return 'debug';
    case 'load_changed':
      return event.state === 'calm' ? 'info' : 'warn';
    case 'breaker_changed':
      return event.state === 'closed' ? 'info' : 'warn';
    case 'flags_changed':
      return event.state === 'ready' ? 'info' : 'warn';
    default:
      return 'info';
  }
}

function readFields(event: BanyanEvent): Record<string, unknown> {
  if (event.type === 'mirror_verdict') return readVerdict(event);
  const { type: _type, ...fields } = event;
  return fields;
}

const MOST_PATHS = 10;

/** Named one by one: a verdict is made where values are at hand, and none of them may slip into a line. */
function readVerdict(event: Extract<BanyanEvent, { type: 'mirror_verdict' }>): Record<string, unknown> {
  const { routeId, requestId, verdict, reason, paths } = event;
  return { routeId, requestId, verdict, reason, paths: paths.slice(0, MOST_PATHS) };
}
