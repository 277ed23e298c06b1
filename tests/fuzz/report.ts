import type { Fuzzed } from './fuzzer.ts';

const LONGEST = 1_500;

/** Empty where nothing was found; else everything that it takes to see it again. */
export function reportFuzzed(seed: number, { findings }: Fuzzed): string {
  if (findings.length === 0) return '';
  const lines = findings.map(({ kind, detail, stream }) => {
    if (stream === undefined) return `${kind}: ${detail}`;
    const bytes = JSON.stringify(stream.bytes.toString('latin1').slice(0, LONGEST));
    const how = `FUZZ_SEED=${seed} FUZZ_STREAM=${stream.number}; ${stream.story.join(', ')}; ${stream.pieces.length} pieces, ${stream.pauseMs} ms, ${stream.leaving}`;
    return `${kind}: ${detail}\n    (${how})\n    ${bytes}`;
  });
  return `seed ${seed}: ${findings.length} findings\n${lines.join('\n')}`;
}
