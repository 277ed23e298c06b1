import { randomBytes } from 'node:crypto';
import type { DiffLedger, Emit, RowFollower, RowJournal } from '../../vocabulary/index.ts';
import { nowMs } from '../clock.ts';
import type { FromRehearsals, ToRehearsals } from '../copy.ts';
import { openMask, openSeal } from '../mask/index.ts';
import { type Judge, openJudge } from './judge.ts';
import type { RunNew } from './rehearse.ts';
import { openSamples } from './sample.ts';
import { WorkMeter } from './work-meter.ts';

export type RehearsalParts = Readonly<{
  runNew: RunNew;
  follower: RowFollower | undefined;
  journal: RowJournal;
  ledger: DiffLedger;
  /** 32 bytes that last, or undefined: then hashes mean nothing beyond this process, and samples cannot be opened again. */
  key: Uint8Array | undefined;
  timeoutMs: number;
  bodyBytes: number;
  /** How many days verdicts are kept. */
  days: number;
  /** Closes what was opened for all of this. */
  close(): Promise<void>;
}>;

const CATCH_UP_MS = 3_000;
const CONTROL_SHARE = 0.02;
const ALIVE_MS = 200;
const TIDY_MS = 3_600_000;
const ANSWER_MS = 30_000;

type Send = (message: FromRehearsals) => void;

/** The rehearsal process's end of the link: answers what the gateway sends. `open` is given the way to tell events. */
export async function serveRehearsals(
  send: Send,
  listen: (hears: (message: ToRehearsals) => void) => void,
  open: (emit: Emit) => Promise<RehearsalParts>,
): Promise<void> {
  const early: ToRehearsals[] = [];
  let hear = (message: ToRehearsals): void => void early.push(message);
  listen((message) => hear(message));
  const alive = tellAlive(send);
  const parts = await open((event) => send({ kind: 'event', event }));
  const asks = openQuestions(send);
  const judge = openDesk(parts, asks, send);
  const meter = new WorkMeter(readUsedUs);
  const tidy = async () => parts.ledger.keepDays(parts.days).catch(() => undefined);
  await tidy();
  const tidying = setInterval(() => void tidy(), TIDY_MS);
  hear = (message) => {
    if (message.kind !== 'close') return answer(message, { judge, asks, send, meter });
    clearInterval(alive);
    clearInterval(tidying);
    void close(judge, parts).then(() => send({ kind: 'closed' }));
  };
  send({ kind: 'ready' });
  for (const message of early) hear(message);
}

function tellAlive(send: Send): NodeJS.Timeout {
  let [usedUs, toldMs] = [readUsedUs(), nowMs()];
  return setInterval(() => {
    const [nowUsedUs, atMs] = [readUsedUs(), nowMs()];
    send({ kind: 'alive', cores: (nowUsedUs - usedUs) / 1_000 / (atMs - toldMs) });
    [usedUs, toldMs] = [nowUsedUs, atMs];
  }, ALIVE_MS);
}

function readUsedUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function close(judge: Judge, parts: RehearsalParts): Promise<void> {
  await judge.flush();
  await parts.close();
}

function openDesk(parts: RehearsalParts, asks: Questions, send: Send): Judge {
  const { key } = parts;
  return openJudge({
    ...parts,
    askLegacy: (asked) => asks.ask((question) => ({ kind: 'ask_legacy', question, asked })),
    wasAlone: async (tenant, fromMs, toMs) =>
      (await asks.ask<string>((question) => ({ kind: 'ask_alone', question, tenant, fromMs, toMs }))) ===
      'alone',
    samples: openSamples({ mask: openMask(key ?? randomBytes(32)), seal: key && openSeal(key) }),
    emit: (event) => send({ kind: 'event', event }),
    catchUpMs: CATCH_UP_MS,
    controlShare: CONTROL_SHARE,
  });
}

type Desk = Readonly<{ judge: Judge; asks: Questions; send: Send; meter: WorkMeter }>;

function answer(message: Exclude<ToRehearsals, { kind: 'close' }>, { judge, asks, send, meter }: Desk): void {
  switch (message.kind) {
    case 'copy': {
      const { number } = message.copy;
      meter.begin();
      void judge.judge(message.copy).finally(() => send({ kind: 'judged', number, usedMs: meter.end() }));
      return;
    }
    case 'record':
      return judge.record(message.entries);
    case 'legacy_answered':
      return asks.settle(message.question, message.answer);
    case 'alone_answered':
      return asks.settle(message.question, message.alone);
    case 'replay': {
      const { question } = message;
      judge.replay(message.samples).then(
        (results) => send({ kind: 'replayed', question, results }),
        () => send({ kind: 'replayed', question, results: 'The samples could not be run again.' }),
      );
      return;
    }
    case 'reveal':
      return send({ kind: 'revealed', question: message.question, values: judge.reveal(message.sample) });
  }
}

type Questions = Readonly<{
  ask<T>(word: (question: number) => FromRehearsals): Promise<T>;
  settle(question: number, value: unknown): void;
}>;

/** Questions to the gateway, and their answers. */
function openQuestions(send: Send): Questions {
  const open = new Map<number, (value: unknown) => void>();
  let last = 0;
  return {
    ask: <T>(word: (question: number) => FromRehearsals) =>
      new Promise<T>((resolve, reject) => {
        last += 1;
        const question = last;
        const timer = setTimeout(() => {
          open.delete(question);
          reject(new Error('The gateway did not answer.'));
        }, ANSWER_MS);
        open.set(question, (value) => {
          clearTimeout(timer);
          open.delete(question);
          resolve(value as T);
        });
        send(word(question));
      }),
    settle: (question, value) => open.get(question)?.(value),
  };
}
