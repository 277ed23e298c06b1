import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { freezeDeep } from './freeze.ts';
import type { ReadingQuestion } from './reading-thread.ts';
import { type EditResult, editTable, type TableChange } from './table-edit.ts';
import { readTable, type TableResult } from './table-reader.ts';
import type { Surroundings } from './table-rules.ts';

/** Reads and edits table texts without holding up those who are served meanwhile. Rejects where a text brings its reader down. */
export type ReadingDesk = Readonly<{
  read(text: string): Promise<TableResult>;
  edit(text: string, change: TableChange): Promise<EditResult>;
  /** What is being read is given up: it rejects. */
  close(): void;
}>;

/**
 * A text of 2,000 routes takes 0.4 to 1.1 s to be parsed and checked, one of 200 routes 0.05 to 0.25. Read here, that was how long everybody
 * waited; in a thread of its own, they wait for the 15 ms in which its result is taken over. A thread takes 0.3 s to begin, so what is
 * read within 20 ms or so is read here.
 */
const LONG_CHARACTERS = 8_192;
/** A table that is changed once is often changed once more. Then the thread goes, and its memory with it. */
const IDLE_MS = 10_000;
const PATIENCE_MS = 30_000;
/** The largest text that may be, full of entries, takes half of it. A text that needs more costs the thread its life, and nothing else. */
const LIMITS = { maxOldGenerationSizeMb: 1_024 };

export function openReadingDesk(surroundings: Surroundings): ReadingDesk {
  const closing = new AbortController();
  let thread: Worker | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();
  // It ends by itself, after what it is at: a thread that is ended from outside while it begins takes the whole process with it.
  const leave = () => {
    thread?.unref();
    thread?.postMessage(undefined);
    thread = undefined;
  };
  const askThread = async (question: ReadingQuestion) => {
    clearTimeout(idle);
    closing.signal.throwIfAborted();
    thread ??= startThread();
    try {
      const answer = freezeDeep(await ask(thread, question, closing.signal));
      idle = setTimeout(leave, IDLE_MS).unref();
      return answer;
    } catch (error) {
      // Whoever is at it for so long does not hear.
      if (isTimeout(error)) void thread?.terminate();
      leave();
      throw error;
    }
  };
  // One question at a time.
  const askInTurn = (text: string, change: TableChange | undefined) => {
    const answer = last.then(() => askThread({ text, change, surroundings }));
    last = answer.catch(() => undefined);
    return answer;
  };
  return {
    read: async (text) =>
      isLong(text) ? ((await askInTurn(text, undefined)) as TableResult) : readTable(text, surroundings),
    edit: async (text, change) =>
      isLong(text) ? ((await askInTurn(text, change)) as EditResult) : editTable(text, change, surroundings),
    close() {
      closing.abort(new Error('tables are not read any more'));
      clearTimeout(idle);
      leave();
    },
  };
}

// `once` gives the signal's reason as the cause of its own error.
const isTimeout = (error: unknown) =>
  error instanceof Error && error.cause instanceof DOMException && error.cause.name === 'TimeoutError';

const isLong = (text: string) => text.length > LONG_CHARACTERS;

function startThread(): Worker {
  const name = import.meta.url.endsWith('.ts') ? './reading-thread.ts' : './reading-thread.js';
  const thread = new Worker(new URL(name, import.meta.url), { env: {}, resourceLimits: LIMITS });
  // What it dies of is told to whoever has asked it.
  thread.on('error', () => undefined).unref();
  return thread;
}

async function ask(thread: Worker, question: ReadingQuestion, closing: AbortSignal): Promise<unknown> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(PATIENCE_MS)]);
  // Whoever waits for a table is kept alive by it.
  thread.ref();
  thread.postMessage(question);
  const [answer] = await once(thread, 'message', { signal });
  thread.unref();
  return answer;
}
