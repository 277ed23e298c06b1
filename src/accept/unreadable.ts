// What Node's parser cannot read, wherever it stands: alone, in the middle of a request, or behind one that is being answered.
import type { Socket } from 'node:net';
import { type BanyanEvent, type Failure, fail, type OutgoingAnswer } from '../vocabulary/index.ts';
import { isAnswered, markSpoiled, newestWaiting } from './connection.ts';
import { answerFailureRaw } from './own-words.ts';

/** Why the door gave up a request in the middle of its body. To every room it looks like a client that left. */
export class BrokenOff extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

type Wish = Readonly<{
  /** The answers under way, on all connections. */
  answers: Iterable<OutgoingAnswer>;
  error: NodeJS.ErrnoException;
  socket: Socket;
  /** Told of what never became a request. */
  tell(failure: Failure): void;
}>;

/**
 * Refuses it, and closes the connection. An answer under way is never interrupted: if the rubbish stands behind its request, it is refused
 * when the answer has left; if it stands in its request's body, the request is taken back from its side.
 */
export function refuseUnreadable({ answers, error, socket, tell }: Wish): void {
  if (socket.destroyed || !socket.writable) return;
  const failure = nameClientError(error);
  const current = findAnswer(answers, socket);
  if (current !== undefined && !current.req.complete) return breakOff(current, failure);
  if (current === undefined && isAnswered(socket)) return void socket.destroy();
  // Nobody is left who could be told.
  const isBusy = current !== undefined || newestWaiting(socket) !== undefined;
  if (isBusy && error.code === 'HPE_INVALID_EOF_STATE') return void socket.destroy();
  if (!markSpoiled(socket)) return;
  tell(failure);
  refuseInTurn(answers, socket, failure);
}

/** Refuses what Node gives no response for, and closes the connection: when what stands before it has been answered. */
export function refuseInTurn(answers: Iterable<OutgoingAnswer>, socket: Socket, failure: Failure): void {
  const last = newestWaiting(socket) ?? findAnswer(answers, socket);
  if (last === undefined) return answerFailureRaw(socket, failure);
  last.once('close', () => socket.writable && answerFailureRaw(socket, failure));
}

export function findAnswer(answers: Iterable<OutgoingAnswer>, socket: Socket): OutgoingAnswer | undefined {
  for (const answer of answers) if (answer.socket === socket) return answer;
  return undefined;
}

/**
 * Refuses a request in the middle of its body, and takes it back from its side. Where an answer has begun already, it is cut: never ended
 * cleanly.
 */
export function breakOff(answer: OutgoingAnswer, failure: Failure): void {
  const { socket, method, headers } = answer.req;
  if (answer.headersSent) return void socket.destroy();
  // The refusal has still to leave on it.
  answer.detachSocket(socket);
  answer.destroy(new BrokenOff(failure));
  answerFailureRaw(socket, failure, { accept: headers.accept, method });
}

function nameClientError(error: NodeJS.ErrnoException): Failure {
  if (error.code === 'HPE_HEADER_OVERFLOW') return fail('headers_too_large');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return fail('request_too_slow');
  return fail('request_malformed');
}

/** What is told of bytes that never became a request. */
export function describeUnreadable(failure: Failure): BanyanEvent {
  const nothing = undefined;
  return {
    type: 'request_finished',
    requestId: nothing,
    traceId: nothing,
    method: '',
    routeId: nothing,
    stage: nothing,
    side: nothing,
    reason: nothing,
    revision: nothing,
    tenant: nothing,
    user: nothing,
    by: nothing,
    status: failure.status,
    outcome: 'refused',
    failure: failure.code,
    fellBack: false,
    durationMs: 0,
    overheadMs: 0,
  };
}
