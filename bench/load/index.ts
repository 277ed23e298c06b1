import { startPart } from '../../tests/drills/part.ts';
import type { Crowd, Load, LoadAsk, Pace, Watched } from './words.ts';

export type { Crowd, Load, Pace, Target, Watched } from './words.ts';

export type LoadWish = Readonly<{
  port: number;
  /** The name under which it has been met. */
  crowd: string;
  pace: Pace;
  warmMs: number;
  ms: number;
  watched: Watched;
}>;

/** The load generator, in a process of its own, on the cores of whoever starts it. */
export type LoadGenerator = Readonly<{
  /** Its requests are written now, so that nothing but sending is left later. */
  meet(name: string, crowd: Crowd): Promise<void>;
  ask(wish: LoadWish): Promise<Load>;
  stop(): Promise<void>;
}>;

export function startLoad(): LoadGenerator {
  const part = startPart<LoadAsk, Load | undefined>(new URL('./main.ts', import.meta.url).href);
  return {
    meet: async (name, crowd) => void (await part.ask({ kind: 'meet', name, crowd })),
    ask: async (wish) => {
      const load = await part.ask({ kind: 'ask', ...wish });
      if (!load) throw new Error('the load generator says nothing');
      return load;
    },
    stop: () => {
      part.kill('SIGKILL');
      return part.gone;
    },
  };
}
