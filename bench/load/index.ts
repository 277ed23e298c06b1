import { startPart } from '../../tests/drills/part.ts';
import type { Crowd, Held, Load, LoadAsk, Pace, Watched } from './words.ts';

export type { Crowd, Held, Load, Pace, StreamKind, Target, Watched } from './words.ts';

export type LoadWish = Readonly<{
  /** The crowd's connections go to them in turn. */
  ports: readonly number[];
  /** The name under which it has been met. */
  crowd: string;
  pace: Pace;
  warmMs: number;
  ms: number;
  watched: Watched;
}>;

export type HoldWish = Omit<Extract<LoadAsk, { kind: 'hold' }>, 'kind'>;

/** The load generator, in a process of its own, on the cores of whoever starts it. */
export type LoadGenerator = Readonly<{
  /** Its requests are written now, so that nothing but sending is left later. */
  meet(name: string, crowd: Crowd): Promise<void>;
  ask(wish: LoadWish): Promise<Load>;
  /** Opens streams and keeps them open. */
  hold(wish: HoldWish): Promise<Held>;
  /** Lets go of them; answers how many were still open. */
  release(): Promise<Held>;
  stop(): Promise<void>;
}>;

export function startLoad(): LoadGenerator {
  const part = startPart<LoadAsk, Load | Held | undefined>(new URL('./main.ts', import.meta.url).href);
  return {
    meet: async (name, crowd) => void (await part.ask({ kind: 'meet', name, crowd })),
    ask: async (wish) => (await part.ask({ kind: 'ask', ...wish })) as Load,
    hold: async (wish) => (await part.ask({ kind: 'hold', ...wish })) as Held,
    release: async () => (await part.ask({ kind: 'release' })) as Held,
    stop: () => {
      part.kill('SIGKILL');
      return part.gone;
    },
  };
}
