import type { AiAsk, AiEngine, Effects } from './ports.ts';

/** What a rehearsed handler would have done outside the database. Holds no secret and no text of a user's. */
export type RecordedEffect =
  | Readonly<{ kind: 'ai_asked'; model: string; promptLength: number }>
  | Readonly<{ kind: 'chat_published'; channel: number; frameLength: number }>
  | Readonly<{ kind: 'session_ended' }>;

export type Recording = Readonly<{ effects: Effects; recorded: readonly RecordedEffect[] }>;

/**
 * Ports for a rehearsal: they record instead of acting. An engine whose question leaves no trace is asked in earnest; any other one
 * "says" `completion`, which a mirror takes from legacy's answer, so that the rest of the handler can be compared.
 */
export function recordEffects(
  real: Pick<Effects, 'ai'>,
  replay: Readonly<{ completion?: string | undefined }> = {},
): Recording {
  const recorded: RecordedEffect[] = [];
  const engine = real.ai.effect === 'none' ? real.ai : replayEngine(replay.completion ?? '');
  const note = ({ model, prompt }: AiAsk) =>
    recorded.push({ kind: 'ai_asked', model, promptLength: prompt.length });
  return {
    recorded,
    effects: {
      ai: noteAsks(engine, note),
      live: {
        publish: (_tenant, channel, frame) =>
          void recorded.push({ kind: 'chat_published', channel, frameLength: frame.length }),
      },
      endSession: async () => void recorded.push({ kind: 'session_ended' }),
    },
  };
}

function noteAsks(engine: AiEngine, note: (ask: AiAsk) => void): AiEngine {
  return {
    effect: 'none',
    complete(ask, signal) {
      note(ask);
      return engine.complete(ask, signal);
    },
    stream(ask, signal) {
      note(ask);
      return engine.stream(ask, signal);
    },
  };
}

function replayEngine(completion: string): AiEngine {
  return {
    effect: 'none',
    complete: async () => completion,
    async *stream() {
      yield* completion.match(/\S+\s*/g) ?? [];
    },
  };
}
