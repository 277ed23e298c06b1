import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { printMistake, readTable, tableJsonSchema } from '../../../src/decide/index.ts';
import { REASONS, STAGES, type TenantName } from '../../../src/vocabulary/index.ts';
import { type Bench, HANDLERS, openBench } from './support.ts';

const PAGE = readFileSync('docs/route-table.md', 'utf8');
const DEMO = readFileSync('routes.config.yaml', 'utf8');

let bench: Bench | undefined;
afterEach(() => bench?.close());

function section(title: string): string {
  const [, rest = ''] = PAGE.split(`\n## ${title}\n`);
  return rest.split('\n## ')[0] ?? '';
}

function firstColumn(title: string): readonly string[] {
  return [...section(title).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
}

function block(title: string, language: string): string {
  const found = new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``).exec(title === '' ? PAGE : section(title));
  return found?.[1] ?? '';
}

type JsonSchema = Readonly<{
  properties?: Readonly<Record<string, JsonSchema>>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
}>;

/** Every key of the file that holds no further keys, as the page writes it. */
function listKeys(schema: JsonSchema, path: string): readonly string[] {
  const { properties, additionalProperties, items } = schema;
  if (properties)
    return Object.entries(properties).flatMap(([key, inner]) =>
      listKeys(inner, path === '' ? key : `${path}.${key}`),
    );
  if (typeof additionalProperties === 'object' && additionalProperties.properties)
    return listKeys(additionalProperties, `${path}.*`);
  return items?.properties ? listKeys(items, `${path}[]`) : [path];
}

describe('the page of the route table', () => {
  test('lists every key of the file, in its order', () => {
    expect(firstColumn('Keys')).toEqual(listKeys(tableJsonSchema(), ''));
  });

  test('lists every stage and every reason', () => {
    expect(firstColumn('Stages')).toEqual([...STAGES]);
    expect(firstColumn('Reasons')).toEqual([...REASONS]);
  });

  test('shows a table that is good', () => {
    expect(readTable(`${block('', 'yaml')}\n`, { handlers: HANDLERS }).kind).toBe('table');
  });

  test('shows the mistakes as they are told', () => {
    const text = readFileSync('tests/rooms/decide/fixtures/ten-mistakes.yaml', 'utf8');
    const result = readTable(text, { handlers: HANDLERS });
    const mistakes = result.kind === 'mistakes' ? result.mistakes : [];
    expect(block('Mistakes', '')).toBe(
      mistakes.map((mistake) => printMistake('routes.config.yaml', mistake)).join('\n'),
    );
  });

  test('shows the offer for a narrower path as it is told', () => {
    const text = `version: 1
routes:
  - { id: users.one, match: { method: GET, path: "/users/:id/" } }

  - { id: users.me, match: { method: GET, path: /users/me/ } }
`;
    const result = readTable(text);
    const mistakes = result.kind === 'mistakes' ? result.mistakes : [];
    expect(block('One request, one route', '')).toBe(
      mistakes.map((mistake) => printMistake('routes.config.yaml', mistake)).join('\n'),
    );
  });

  test('shows an explanation as it is made', async () => {
    bench = await openBench(`${block('', 'yaml')}\n`);
    const tenant = 'initech' as TenantName;
    const explanation = bench.decide.explain({ method: 'POST', path: '/api/ai/completions/', tenant });
    expect(block('Explain', 'json')).toBe(JSON.stringify(explanation, null, 2));
  });
});

describe('the demo table', () => {
  test('is good, lists every handler of the demo once, and leaves everything with legacy', () => {
    const result = readTable(DEMO, { handlers: HANDLERS });
    if (result.kind === 'mistakes') throw new Error(result.mistakes.map(({ message }) => message).join('\n'));
    expect(result.table.rows.map(({ handler }) => handler)).toEqual([...HANDLERS]);
    expect(new Set(result.table.rows.map(({ stage }) => stage))).toEqual(new Set(['legacy']));
    expect(result.table.flags.map(({ percent }) => percent)).toEqual([0, 0, 0, 0, 0]);
    expect(result.table.features.every(({ flag }) => flag !== undefined)).toBe(true);
  });

  test('names the schema for editors, which is the one that the code makes', () => {
    expect(DEMO.split('\n')[0]).toBe('# yaml-language-server: $schema=./routes.schema.json');
    const file: unknown = JSON.parse(readFileSync('routes.schema.json', 'utf8'));
    expect(file).toEqual(JSON.parse(JSON.stringify(tableJsonSchema())));
  });
});
