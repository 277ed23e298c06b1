import type { Socket } from 'node:net';
import type { BanyanEvent } from '../vocabulary/index.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** What a worker does for its primary. */
export type AsWorker = Readonly<{
  /** Opens the house for this wish, and tells on such events; connections are handed to `take` from then on. */
  open(worker: number, wish: unknown, relayed: readonly BanyanEvent['type'][]): Promise<Opened>;
}>;

export type Opened = Readonly<{
  take(socket: Socket): void;
  figures(): Promise<readonly object[]>;
  /** Takes nothing new, lets what is in flight end; answers how many requests were cut off. */
  close(signal: string): Promise<number>;
}>;

export type ToPrimary = Readonly<{
  /** Tells of what only this process knows. */
  tell(event: BanyanEvent): void;
  /** No more connections, please. */
  leave(): void;
}>;

/** Listens to the primary; ends the process when that has drained it or has gone itself. */
export function connectToPrimary({ open }: AsWorker): ToPrimary {
  let opened: Opened | undefined;
  let isEnding = false;
  const say = (message: FromWorker) =>
    new Promise<void>((resolve) => {
      if (process.connected) process.send?.(message, undefined, {}, () => resolve());
      else resolve();
    });
  const end = async (signal: string) => {
    if (isEnding) return;
    isEnding = true;
    await say({ type: 'drained', cut: (await opened?.close(signal)) ?? 0 });
    process.exit(0);
  };
  const start = async ({ worker, wish, relayed }: Extract<ToWorker, { type: 'open' }>) => {
    try {
      opened = await open(worker, wish, relayed);
      await say({ type: 'opened' });
    } catch (error) {
      await say({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
      process.exit(1);
    }
  };
  process.on('message', async (message, socket) => {
    const said = message as ToWorker;
    if (said.type === 'open') return start(said);
    if (said.type === 'connection') {
      void say({ type: 'taken', connection: said.connection });
      return take(opened, socket as Socket | undefined);
    }
    if (said.type === 'drain') return end(said.signal);
    await say({ type: 'told', question: said.question, figures: (await opened?.figures()) ?? [] });
  });
  // A primary that was killed cannot ask us to drain.
  process.on('disconnect', () => void end('the primary has gone'));
  // Ctrl-C reaches the whole group; the primary asks us in its own time.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  void say({ type: 'hello' });
  return {
    tell: (event) => void say({ type: 'event', event }),
    leave: () => void say({ type: 'leaving' }),
  };
}

// A client that has left meanwhile leaves no socket behind.
function take(opened: Opened | undefined, socket: Socket | undefined): void {
  if (socket === undefined) return;
  if (opened === undefined) socket.destroy();
  else opened.take(socket);
}
