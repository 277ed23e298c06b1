import { spawnSync } from 'node:child_process';
import { type Part, startPart } from '../../tests/drills/part.ts';

export type Desk<Ask, Answer> = Pick<Part<Ask, Answer>, 'ask'> & Readonly<{ stop(): Promise<void> }>;

/** A process that measures, on these cores. */
export function startDesk<Ask, Answer>(module: URL, cores: string | undefined): Desk<Ask, Answer> {
  const part = startPart<Ask, Answer>(module.href);
  if (cores !== undefined) spawnSync('taskset', ['-a', '-c', '-p', cores, String(part.pid)]);
  // A bench that is broken off leaves nothing behind.
  const end = () => part.kill('SIGKILL');
  process.once('exit', end);
  return {
    ask: part.ask,
    async stop() {
      process.off('exit', end);
      end();
      await part.gone;
    },
  };
}
