import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { AiAsk, AiEngine } from '../ports.ts';

// docs/demo-product.md fixes the words and the rule: legacy's local engine says the same.
const WORDS = (
  'the workspace keeps every note close to people who need it and a plan grows from small steps ' +
  'that teams can take back when facts change again today with less worry tomorrow'
).split(' ');
const DIGEST_BYTES = 32;

/** A small engine without a network: the same question always gets the same words. `wordMs` is its pace when it streams. */
export function openLocalEngine({ wordMs = 0 }: Readonly<{ wordMs?: number }> = {}): AiEngine {
  return {
    effect: 'none',
    complete: async (ask) => chooseWords(ask).join(' '),
    async *stream(ask, signal) {
      const words = chooseWords(ask);
      for (const [index, word] of words.entries()) {
        if (wordMs > 0) await wait(wordMs, undefined, { signal });
        yield index + 1 < words.length ? `${word} ` : word;
      }
    },
  };
}

function chooseWords(ask: AiAsk): readonly string[] {
  const count = Math.min(ask.maxTokens, 8 + ((digest(ask, 0)[0] ?? 0) % 25));
  const blocks = Array.from({ length: Math.ceil(count / DIGEST_BYTES) }, (_, block) =>
    digest(ask, block + 1),
  );
  return Array.from({ length: count }, (_, i) => {
    const byte = blocks[Math.floor(i / DIGEST_BYTES)]?.[i % DIGEST_BYTES] ?? 0;
    return WORDS[byte % WORDS.length] ?? '';
  });
}

function digest({ model, prompt }: AiAsk, block: number): Buffer {
  return createHash('sha256').update(`${model}\n${prompt}\n${block}`).digest();
}
