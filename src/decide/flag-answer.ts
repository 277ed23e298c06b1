import type { ClientFeaturesResponse } from 'unleash-client';
import { z } from 'zod';
import type { FlagName } from '../vocabulary/index.ts';
import type { FlagSet } from './flag-evaluator.ts';
import { freezeDeep } from './freeze.ts';

export const NO_FLAGS: FlagSet = freezeDeep({ source: 'unleash', definitions: [], segments: [] });

export type FlagAnswer =
  | Readonly<{ kind: 'flags'; set: FlagSet }>
  | Readonly<{ kind: 'refused'; detail: string }>;

/** Losing more than this share of the needed flags at once: a wrong project, a wrong token, an emptied database. */
const MOST_LOST = 0.2;

const definitionSchema = z.looseObject({
  name: z.string(),
  enabled: z.boolean(),
  strategies: z.array(
    z.looseObject({ name: z.string(), constraints: z.array(z.looseObject({})).optional() }),
  ),
});
const segmentSchema = z.looseObject({ id: z.number(), constraints: z.array(z.looseObject({})) });

/** Looks at a server's answer before anybody decides by it: a frozen copy in a fixed order, or why it is not believed. */
export function readFlagAnswer(
  answer: ClientFeaturesResponse,
  last: FlagSet,
  needed: readonly FlagName[],
): FlagAnswer {
  const set = copyFlags(answer);
  const detail = findMalformed(answer) ?? findLoss(last, set, needed);
  return detail === undefined ? { kind: 'flags', set: freezeDeep(set) } : { kind: 'refused', detail };
}

function copyFlags({ features, segments = [] }: ClientFeaturesResponse): FlagSet {
  const { definitions, ...rest } = structuredClone({ definitions: features, segments });
  definitions.sort((one, other) => (String(one?.name) < String(other?.name) ? -1 : 1));
  rest.segments.sort((one, other) => Number(one?.id) - Number(other?.id));
  return { source: 'unleash', definitions, ...rest };
}

function findMalformed({ features, segments = [] }: ClientFeaturesResponse): string | undefined {
  const bad = features.find((feature) => !definitionSchema.safeParse(feature).success);
  if (bad) return `the flag service sent a malformed flag (${String(bad.name)})`;
  const isBadSegment = segments.some((segment) => !segmentSchema.safeParse(segment).success);
  return isBadSegment ? 'the flag service sent a malformed segment' : undefined;
}

function findLoss(last: FlagSet, next: FlagSet, needed: readonly FlagName[]): string | undefined {
  const [wanted, kept] = [new Set<string>(needed), new Set(namesOf(next))];
  const known = namesOf(last).filter((name) => wanted.has(name));
  const lost = known.filter((name) => !kept.has(name));
  if (kept.size === 0 && needed.length > 0) return 'the flag service knows no flags';
  if (lost.length <= known.length * MOST_LOST) return undefined;
  return `the flag service has lost ${lost.length} of ${known.length} flags at once (${lost.join(', ')})`;
}

function namesOf({ definitions }: FlagSet): readonly string[] {
  return definitions.map(({ name }) => name);
}
