import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type {
  Asked,
  NotComparedReason,
  Outcome,
  RowChange,
  RowState,
  SideAnswer,
  Tap,
} from '../../vocabulary/index.ts';
import { nowMs } from '../clock.ts';
import { ByteBudget, Capture } from '../watch/capture.ts';
import { makeStandIn } from './stand-in.ts';

/** One run of a new handler whose every effect is undone. */
export type RehearsalAsk = Readonly<{
  asked: Asked;
  /** Undefined: the rows as they are now. */
  at: RowState | undefined;
  manner: 'read_only' | 'read_write';
  /** What legacy answered: an engine that may not be asked in earnest says what it said there. */
  legacy: SideAnswer;
  tap: Tap;
  signal: AbortSignal;
}>;

export type RehearsalEnd =
  | Readonly<{ kind: 'ended'; outcome: Outcome; rows: readonly RowChange[]; effects: readonly string[] }>
  | Readonly<{ kind: 'impossible'; reason: NotComparedReason }>;

/** Runs the handler on a request without a socket. Handed in: mirror knows neither handlers nor the store. Never rejects. */
export type RunNew = (ask: RehearsalAsk, req: IncomingMessage, res: ServerResponse) => Promise<RehearsalEnd>;

export type Rehearsed =
  | Readonly<{ kind: 'answered'; answer: SideAnswer; rows: readonly RowChange[]; effects: readonly string[] }>
  | Readonly<{ kind: 'impossible'; reason: NotComparedReason }>;

export type RehearseWish = Readonly<{ runNew: RunNew; timeoutMs: number; bodyBytes: number }>;

const ATTEMPTS = 4;
const PAUSE_MS = 15;

/** Rehearses one request, within its time and with a bounded answer; again where legacy's next write has crossed it. */
export async function rehearse(
  wish: RehearseWish,
  ask: Omit<RehearsalAsk, 'tap' | 'signal'>,
): Promise<Rehearsed> {
  for (let attempt = 1; ; attempt += 1) {
    const run = await rehearseOnce(wish, ask);
    const wasCrossed = run.kind === 'impossible' && run.reason === 'rows_in_motion';
    if (!wasCrossed || attempt === ATTEMPTS) return run;
    await wait(PAUSE_MS * attempt);
  }
}

async function rehearseOnce(
  { runNew, timeoutMs, bodyBytes }: RehearseWish,
  ask: Omit<RehearsalAsk, 'tap' | 'signal'>,
): Promise<Rehearsed> {
  const { arrival, body } = ask.asked;
  const capture = new Capture(arrival.method, bodyBytes, new ByteBudget(Number.POSITIVE_INFINITY));
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new Error('The rehearsal took too long.')), timeoutMs);
  // A handler that answers without end is stopped where the rest would not be kept.
  const tap: Tap = {
    uploaded: () => undefined,
    answerBegan: (status, headers) => capture.answerBegan(status, headers),
    answered: (piece) => {
      capture.answered(piece);
      if (capture.read().answer.kind === 'larger') stop.abort(new Error('The answer is too large.'));
    },
  };
  const askedMs = nowMs();
  const { req, res } = makeStandIn(arrival.method, body.kind === 'whole' ? body.bytes : new Uint8Array());
  const end = await runNew({ ...ask, tap, signal: stop.signal }, req, res);
  clearTimeout(timer);
  // Whoever gave up has left it open.
  res.destroy();
  if (end.kind === 'impossible') return end;
  return readEnd(end, capture, { askedMs, answeredMs: nowMs() });
}

function readEnd(
  { outcome, rows, effects }: Extract<RehearsalEnd, { kind: 'ended' }>,
  capture: Capture,
  times: Readonly<{ askedMs: number; answeredMs: number }>,
): Rehearsed {
  const answer = capture.read().answer;
  const whole = (status: number, body: SideAnswer['body']): Rehearsed => ({
    kind: 'answered',
    answer: { status, headers: capture.headers, body, ...times },
    rows,
    effects,
  });
  if (answer.kind === 'larger') return { kind: 'impossible', reason: 'body_too_large' };
  switch (outcome.kind) {
    case 'answered':
      return whole(outcome.status, answer);
    case 'abandoned':
      return { kind: 'impossible', reason: 'new_too_slow' };
    case 'cut':
    case 'failed': {
      const { code, status } = outcome.failure;
      if (code === 'new_too_slow') return { kind: 'impossible', reason: 'new_too_slow' };
      if (code === 'store_unavailable') return { kind: 'impossible', reason: 'store_unavailable' };
      if (outcome.kind === 'cut') return whole(outcome.status, { kind: 'broken' });
      // What the user would have got: the gateway's own words about a failure.
      return {
        kind: 'answered',
        answer: { status, headers: [], body: { kind: 'whole', bytes: new Uint8Array() }, ...times },
        rows,
        effects,
      };
    }
  }
}
