import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Evaluate, openEvaluator } from '../../src/decide/flag-evaluator.ts';
import { openUnleashFlags } from '../../src/decide/unleash-flags.ts';
import { openFlagServer, tellAs } from '../support/flag-server.ts';
import { INSTALL_WITHIN_MS, installUnleash, UNLEASH_FOLDER } from './install.ts';

// The vectors of Unleash's client specification (6.1.0), which every official client must pass: each state is told by a server, looked at
// as any answer is, and evaluated by what requests are decided by. All of them, without an exception.
//
// Two things that the vectors know are not used by Banyan's decisions, though the evaluator has them right: the payload of a variant, and
// context fields other than tenantId, userId, sessionId and currentTime.

const VECTORS = 279;

type Vector = Readonly<{ description: string; context: Record<string, unknown>; toggleName: string }>;
type Specification = Readonly<{
  name: string;
  state: object;
  tests?: readonly (Vector & Readonly<{ expectedResult: boolean }>)[];
  variantTests?: readonly (Vector & Readonly<{ expectedResult: ExpectedVariant }>)[];
}>;
type ExpectedVariant = Readonly<{
  name: string;
  enabled: boolean;
  feature_enabled?: boolean;
  payload?: object;
}>;

const FOLDER = join(UNLEASH_FOLDER, 'node_modules', '@unleash', 'client-specification', 'specifications');

beforeAll(installUnleash, INSTALL_WITHIN_MS);
// The library's last request of each connection ends by itself.
afterAll(() => wait(200));

test('row-085-specification: every vector of the client specification comes out as it says', async () => {
  const names = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as readonly string[];
  const wrong: string[] = [];
  let count = 0;
  for (const name of names) {
    const specification = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Specification;
    const evaluate = await learn(specification.state);
    const outcomes = judge(specification, evaluate);
    count += outcomes.length;
    wrong.push(...outcomes.filter(({ isRight }) => !isRight).map(({ what }) => `${name}: ${what}`));
  }
  expect(wrong).toEqual([]);
  expect(count).toBe(VECTORS);
});

/** As the gateway would: asked for, looked at, and handed to the evaluator. */
async function learn(state: object): Promise<Evaluate> {
  const server = await openFlagServer(tellAs('"1"', JSON.stringify(state)));
  const told: string[] = [];
  const flags = await openUnleashFlags({
    settings: { url: server.url, token: 'x', appName: 'banyan', refreshMs: 100, startWithinMs: 10_000 },
    emit: (event) => told.push(event.type === 'flags_changed' ? event.state : event.type),
    listNeeded: () => [],
    onFlags: () => undefined,
  });
  flags.close();
  await server.close();
  expect(told).toContain('ready');
  return openEvaluator(flags.current());
}

function judge({ tests = [], variantTests = [] }: Specification, evaluate: Evaluate) {
  return [
    ...tests.map(({ description, toggleName, context, expectedResult }) => ({
      what: description,
      isRight: evaluate(toggleName, readContext(context)).isOn === expectedResult,
    })),
    ...variantTests.map(({ description, toggleName, context, expectedResult }) => ({
      what: `${description} (variant)`,
      isRight: isSame(evaluate(toggleName, readContext(context)), expectedResult),
    })),
  ];
}

function isSame({ isOn, variant }: ReturnType<Evaluate>, expected: ExpectedVariant): boolean {
  const { name, enabled, feature_enabled: shouldBeOn = isOn, payload } = expected;
  return (
    isOn === shouldBeOn &&
    (variant !== undefined) === enabled &&
    (variant?.name ?? 'disabled') === name &&
    JSON.stringify(variant?.payload) === JSON.stringify(payload)
  );
}

function readContext({ currentTime, ...context }: Record<string, unknown>) {
  const time = typeof currentTime === 'string' ? { currentTime: new Date(currentTime) } : {};
  return { ...context, ...time } as Parameters<Evaluate>[1];
}
