import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { printMistake, readTable, tableJsonSchema } from '../../../src/decide/index.ts';
import { REASONS, STAGES, type TenantName, VALUE_FORMATS } from '../../../src/vocabulary/index.ts';
import { type Bench, HANDLERS, openBench } from './support.ts';

const PAGE = readFileSync('docs/route-table.md', 'utf8');
const DEMO = readFileSync('routes.config.yaml', 'utf8');

let bench: Bench | undefined;
afterEach(() => bench?.close());

function section(title: string): string {
  const [, rest = ''] = PAGE.split(`\n## ${title}\n`);
  return rest.split('\n## ')[0] ?? '';
}

function firstColumn(title: string, text = section(title)): readonly string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
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

/** Every key of the file that holds no further keys, as the page writes it. `defaults.mirror` has the keys of a route's. */
function listKeys(schema: JsonSchema, path: string): readonly string[] {
  const { properties, additionalProperties, items } = schema;
  if (properties && path !== 'defaults.mirror')
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

  test('shows tables that are good', () => {
    for (const title of ['', 'Mirror: how answers are compared', 'The brake: `force: legacy`'])
      expect(readTable(`${block(title, 'yaml')}\n`, { handlers: HANDLERS }).kind).toBe('table');
  });

  test('lists every rule of mirror, every kind of path and every format', () => {
    const [paths, rules, formats] = section('Mirror: how answers are compared').split(
      /\n\| (?:rule|format) \|/,
    );
    const { mirror } = (tableJsonSchema() as { properties: { defaults: JsonSchema } }).properties.defaults
      .properties as Readonly<Record<string, JsonSchema>>;
    const [percent, ...others] = Object.keys(mirror?.properties ?? {});
    expect([percent, ...firstColumn('', rules)]).toEqual(['percent', ...others]);
    expect(firstColumn('', formats)).toEqual([...VALUE_FORMATS]);
    const ignoring = firstColumn('', paths).map((path) => JSON.stringify(path));
    expect(ignoring).toHaveLength(7);
    const features = 'features: { ai: { tables: [ai_job] } }';
    const text = `version: 1\n${features}\ndefaults: { mirror: { ignore: [${ignoring.join(', ')}] } }\nroutes: []\n`;
    expect(readTable(text).kind).toBe('table');
  });

  test('shows the mistakes in mirror as they are told', () => {
    const text = `version: 1
features: { ai: { tables: [ai_job] } }

routes:
  - id: ai.jobs
    match: { method: GET, path: /api/ai/jobs/ }
    feature: ai
    mirror:
      ignore: [/items, created_at]
      unordered: [/rows/*, items]
      equal: { /items/*/id: uid, rows:ai_jb/state: any }
      clear: [/items, /user/token]
`;
    const result = readTable(text, { handlers: HANDLERS });
    const mistakes = result.kind === 'mistakes' ? result.mistakes : [];
    expect(block('Mirror: how answers are compared', 'text')).toBe(
      mistakes.map((mistake) => printMistake('routes.config.yaml', mistake)).join('\n'),
    );
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
    const { properties } = tableJsonSchema() as Readonly<{
      properties: Readonly<Record<string, JsonSchema>>;
    }>;
    const { description: _ofAll, ...ofAll } = { description: '', ...properties.defaults?.properties?.mirror };
    const { description: _own, ...own } = {
      description: '',
      ...properties.routes?.items?.properties?.mirror,
    };
    expect(ofAll).toEqual(own);
    const file: unknown = JSON.parse(readFileSync('routes.schema.json', 'utf8'));
    expect(file).toEqual(JSON.parse(JSON.stringify(tableJsonSchema())));
  });
});
