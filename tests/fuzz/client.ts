import { connect } from 'node:net';
import { type Answers, readAnswers } from './answers.ts';
import type { Stream } from './streams.ts';
import type { Conversation } from './strict-parser.ts';

/** What became of one connection, as its client saw it. */
export type Talk = Readonly<{
  answers: Answers;
  /** `hung`: neither answered nor closed in time. */
  ended: 'left' | 'closed' | 'hung';
}>;

// Only for what nobody answers; a busy machine is given its time.
const PATIENCE_MS = 5_000;
// How long a connection may stay open whose end is due.
const CLOSING_MS = 300;

/**
 * Says the stream from an address of its own, by which the upstream's requests are told apart. It waits for as many answers as the strict
 * reading has requests, leaves where that reading leaves nothing to wait for, and otherwise waits to be closed.
 */
export function talk(port: number, from: string, stream: Stream, strict: Conversation): Promise<Talk> {
  const methods = strict.messages.map(({ method }) => method);
  return new Promise((resolve) => {
    let text = '';
    let hasSaidAll = false;
    let answers: Answers = { finals: [], rest: '' };
    let closing: NodeJS.Timeout | undefined;
    const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
    const finish = (ended: Talk['ended']) => {
      clearTimeout(patience);
      clearTimeout(closing);
      resolve({ answers, ended });
    };
    const leave = () => {
      if (stream.leaving === 'reset') socket.resetAndDestroy();
      else socket.end();
      finish('left');
    };
    const consider = () => {
      const isAnswered = answers.finals.length >= methods.length && answers.rest === '';
      if (!hasSaidAll || !isAnswered || closing !== undefined) return;
      if (strict.end === 'clean') leave();
      else if (strict.end === 'partial' && stream.leaving === 'reset') leave();
      else closing = setTimeout(() => socket.end(), strict.end === 'partial' ? 0 : CLOSING_MS);
    };
    const patience = setTimeout(() => {
      finish('hung');
      socket.destroy();
    }, PATIENCE_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => finish('closed'));
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      answers = readAnswers(text, methods);
      consider();
    });
    socket.on('connect', async () => {
      for (const [i, piece] of stream.pieces.entries()) {
        if (i > 0) await pause(stream.pauseMs);
        socket.write(piece);
      }
      hasSaidAll = true;
      consider();
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)));
}
