// Written by `banyan diffs export`, beside the fixtures that it reads. It needs Jest and a running gateway, and nothing of Banyan's
// sources. Each fixture says what legacy answered, by shapes, and where the new side may differ, why, and until when. The new side is
// asked the same here: status, headers and shapes have to be legacy's, but for what is allowed and not yet over.
//
//   BANYAN_FIXTURES_URL=https://staging.example BANYAN_FIXTURES_KEY=byn_… NODE_OPTIONS=--experimental-vm-modules npx jest
//
// The key needs the scope `qa`, so that it may choose the side. Where fixtures are of several tenants, BANYAN_FIXTURES_KEY_<TENANT>
// (upper case, _ for -) is the key of one of them.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('.', import.meta.url);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }))
  .filter(({ kind }) => kind === 'banyan-shadow-fixture-1');

const base = process.env.BANYAN_FIXTURES_URL;

test('fixtures and a gateway are there', () => {
  expect(fixtures.map(({ name }) => name)).not.toEqual([]);
  if (!base) throw new Error('Say with BANYAN_FIXTURES_URL where the gateway is.');
});

for (const { route, group, about, allowed, samples } of fixtures) {
  describe(`${route} ${group}: ${about}`, () => {
    const inForce = allowed.filter(({ until }) => until === null || Date.parse(until) > Date.now());
    for (const sample of samples) {
      const { method, path, tenant } = sample.request;
      const title = `${method} ${path} of ${tenant} (sample ${sample.id})`;
      if (sample.left_out) test.skip(`${title}: not asked, since ${sample.left_out}`, () => undefined);
      else
        test(title, async () => {
          expect(listProblems(sample, await ask(sample.request), inForce, samples)).toEqual([]);
        });
    }
  });
}

async function ask({ method, path, tenant }) {
  const own = process.env[`BANYAN_FIXTURES_KEY_${tenant.toUpperCase().replaceAll('-', '_')}`];
  const key = own ?? process.env.BANYAN_FIXTURES_KEY;
  if (!key) throw new Error(`Set BANYAN_FIXTURES_KEY to a key of ${tenant} with the scope qa.`);
  const answer = await fetch(new URL(path, base), {
    method,
    headers: { authorization: `Bearer ${key}`, 'x-banyan-side': 'new' },
    redirect: 'manual',
  });
  const side = answer.headers.get('x-served-by');
  if (side === 'legacy')
    throw new Error('Legacy answered: the key has no scope qa, so it may not choose the side.');
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
}

/** One sentence for each place that differs and may not. */
function listProblems(sample, answer, allowed, samples) {
  const alike = samples.filter(
    ({ request, legacy }) => isAlike(request, sample.request) && legacy.status === sample.legacy.status,
  );
  return [
    ...judgeStatus(sample, answer.status),
    ...judgeHeaders(alike.map(headersOf), answer.headers),
    ...judge('', alike.map(bodyOf), readBody(answer)),
  ]
    .filter((problem) => !allowed.some((one) => covers(one, problem)))
    .map(({ path, sentence }) => `${path || 'body'}: ${sentence}`);
}

// Samples of one request teach more together: what is null in one may be text in the other.
const isAlike = (one, other) => one.method === other.method && one.path === other.path;

function covers({ path, kind, types }, problem) {
  const place = problem.path || 'body';
  if (kind !== problem.kind) return false;
  if (path.endsWith('…')) return place.startsWith(path.slice(0, -1));
  if (path !== place) return false;
  return kind !== 'type' || types === '…' || types.endsWith(` → ${problem.now}`);
}

function judgeStatus({ legacy, new: fresh }, status) {
  if (status === legacy.status) return [];
  // An accepted status is that one, and not just any other.
  const kind = status === fresh.status ? 'value' : 'unexpected';
  return [{ path: 'status', kind, sentence: `${status} instead of ${legacy.status}` }];
}

/** Framing, dates and what gateways add are nobody's contract. */
function judgeHeaders(wanted, headers) {
  const names = new Set(wanted.flatMap((known) => Object.keys(known)));
  return [...names].flatMap((name) => {
    const path = `header:${name}`;
    const now = headers.get(name);
    const shapes = wanted.map((known) => known[name] ?? { type: 'absent' });
    if (now === null) {
      const mayLack = shapes.some(({ type }) => type === 'absent');
      return mayLack ? [] : [{ path, kind: 'missing', sentence: 'the header is missing' }];
    }
    const clear = shapes.map((shape) => shape.clear);
    if (clear.includes(undefined) || clear.some((value) => value === now || value === JSON.stringify(now)))
      return [];
    return [{ path, kind: 'value', sentence: `${now} instead of ${clear.join(' or ')}` }];
  });
}

/** Every place of the answer against what legacy had there: in any item of a list, in any sample of the same request. */
function judge(path, wanted, now) {
  const nodes = wanted.filter((node) => node !== undefined && node !== null);
  if (nodes.length === 0) return [];
  const types = new Set(nodes.map(typeOf));
  const type = typeOfValue(now);
  if (!types.has(type)) {
    const sentence = `${type} instead of ${[...types].join(' or ')}`;
    return [{ path, kind: 'type', now: type, sentence }];
  }
  if (type === 'list') return judgeList(path, nodes.filter(Array.isArray), now);
  return type === 'object' ? judgeObject(path, nodes.filter(isObject), now) : [];
}

function judgeList(path, lists, now) {
  const items = lists.flat();
  const problems = now.flatMap((item) => judge(`${path}/*`, items, item));
  const seen = new Set();
  return problems.filter(({ path: place, sentence }) => {
    const key = `${place} ${sentence}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

function judgeObject(path, objects, now) {
  if (objects.length === 0) return [];
  const names = new Set(objects.flatMap((object) => Object.keys(object)));
  const lacking = [...names]
    .filter((name) => !Object.hasOwn(now, name) && objects.every((object) => Object.hasOwn(object, name)))
    .map((name) => ({ path: `${path}/${escapeName(name)}`, kind: 'missing', sentence: 'is missing' }));
  const others = Object.entries(now).flatMap(([name, value]) => {
    const place = `${path}/${escapeName(name)}`;
    if (!names.has(name)) return [{ path: place, kind: 'extra', sentence: 'legacy has no such member' }];
    const below = objects.filter((object) => Object.hasOwn(object, name)).map((object) => object[name]);
    return judge(place, below, value);
  });
  return [...lacking, ...others];
}

const escapeName = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

// A leaf of a skeleton is an object whose `type` is a string; an object of the answer has only objects and lists below it.
const isLeaf = (node) => !Array.isArray(node) && typeof node.type === 'string';
const isObject = (node) => !Array.isArray(node) && !isLeaf(node);

function typeOf(node) {
  if (Array.isArray(node)) return 'list';
  return isLeaf(node) ? node.type : 'object';
}

function typeOfValue(value) {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'list';
  return typeof value;
}

/** JSON as JSON, text as text, nothing as undefined, all else as bytes. */
function readBody({ headers, body }) {
  if (body.length === 0) return undefined;
  const type = headers.get('content-type') ?? '';
  if (/[/+]json\b/.test(type)) {
    try {
      return JSON.parse(body.toString('utf8'));
    } catch {
      return body.toString('utf8');
    }
  }
  return type.startsWith('text/') ? body.toString('utf8') : body;
}

const bodyOf = ({ legacy }) => legacy.answer;
const headersOf = () => ({});
