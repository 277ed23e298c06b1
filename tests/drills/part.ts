import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// A drill measures in processes of their own: what one of them does must not be paid by another's event loop.

/** A process that answers questions, one at a time. */
export type Part<Ask, Answer> = Readonly<{
  pid: number;
  ask(question: Ask): Promise<Answer>;
  /** Resolves once it has ended. */
  gone: Promise<void>;
  kill(signal?: NodeJS.Signals): void;
}>;

type Reply<Answer> = Readonly<{ answer: Answer }> | Readonly<{ error: string }>;

export function startPart<Ask, Answer>(
  module: string,
  env: Readonly<Record<string, string>> = {},
): Part<Ask, Answer> {
  const { PATH, HOME, TMPDIR } = process.env;
  const child: ChildProcess = fork(fileURLToPath(new URL(module, import.meta.url)), [], {
    serialization: 'advanced',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), ...env },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid ?? 0,
    ask: (question) => askChild(child, module, question),
    gone,
    kill: (signal = 'SIGTERM') => void child.kill(signal),
  };
}

function askChild<Ask, Answer>(child: ChildProcess, module: string, question: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exited = () => reject(new Error(`${module} ended before it answered.`));
    child.once('exit', exited);
    child.once('message', (message) => {
      child.removeListener('exit', exited);
      const reply = message as Reply<Answer>;
      if ('error' in reply) reject(new Error(`${module}: ${reply.error}`));
      else resolve(reply.answer);
    });
    child.send(question as object);
  });
}

/** The process's own end: answers each question, and goes when its parent does. */
export function servePart<Ask, Answer>(answer: (question: Ask) => Promise<Answer>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (question) => {
    answer(question as Ask).then(
      (value) => process.send?.({ answer: value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? (error.stack ?? '') : 'failed' }),
    );
  });
}
