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
  const { status, headers } = answer;
  if (!headers.get('content-type')?.startsWith('text/event-stream'))
    return { status, headers, body: Buffer.from(await answer.arrayBuffer()) };
  // It may never end: of a stream only the head is judged.
  await answer.body?.cancel();
  return { status, headers, body: undefined };
}

/** One sentence for each place that differs and may not. */
function listProblems(sample, answer, allowed, samples) {
  // Samples of one request teach more together: what is null in one may be text in the other.
  const alike = samples
    .filter(
      ({ request, legacy }) => isAlike(request, sample.request) && legacy.status === sample.legacy.status,
    )
    .map(({ legacy }) => legacy.answer);
  return [
    ...judgeStatus(sample, answer.status),
    ...judgeHeaders(pick(alike, 'headers'), answer.headers),
    ...judgeCookies(pick(alike, 'cookies'), answer.headers.getSetCookie()),
    ...(answer.body === undefined ? [] : judge('', pick(alike, 'body'), readBody(answer))),
  ]
    .filter((problem) => !allowed.some((one) => covers(one, problem)))
    .map(({ path, sentence }) => `${path || 'body'}: ${sentence}`);
}

const isAlike = (one, other) => one.method === other.method && one.path === other.path;
/** A skeleton that was too large is none: of such an answer only the status is known. */
const pick = (answers, part) => answers.map((answer) => answer[part]).filter((node) => node !== undefined);

function covers({ path, kind, types }, problem) {
  if (kind !== problem.kind || !leadsTo(path, problem.path || 'body')) return false;
  return kind !== 'type' || types === '…' || types.endsWith(` → ${problem.now}`);
}

/** `*` is any step, and `…` at the end anything below. */
function leadsTo(path, place) {
  if (path.endsWith('…')) return place.startsWith(path.slice(0, -1));
  const [steps, taken] = [path.split('/'), place.split('/')];
  return steps.length === taken.length && steps.every((step, at) => step === '*' || step === taken[at]);
}

function judgeStatus({ legacy, new: fresh }, status) {
  if (status === legacy.status) return [];
  // An accepted status is that one, and not just any other.
  const kind = status === fresh.status ? 'value' : 'unexpected';
  return [{ path: 'status', kind, sentence: `${status} instead of ${legacy.status}` }];
}

// Of others the length says nothing: they name what is asked for, not how it is answered.
const CONSTANT =
  /^(content-type|allow|vary|cache-control|x-frame-options|x-content-type-options|referrer-policy)$/;

/** Which headers there are; of those that are the same for all requests of a route also how long, as their values are not kept. */
function judgeHeaders(wanted, headers) {
  const names = new Set(wanted.flatMap((known) => Object.keys(known)));
  return [...names].flatMap((name) => {
    const path = `header:${name}`;
    const [now, shapes] = [headers.get(name), wanted.map((known) => known[name]).filter(Boolean)];
    if (now === null)
      return shapes.length < wanted.length
        ? []
        : [{ path, kind: 'missing', sentence: 'the header is missing' }];
    const isAsLong = shapes.some(({ length }) => length === undefined || length === [...now].length);
    return isAsLong || !CONSTANT.test(name)
      ? []
      : [{ path, kind: 'value', sentence: `is now ${JSON.stringify(now)}` }];
  });
}

/** Which cookies are set, and with which attributes. */
function judgeCookies(wanted, lines) {
  const now = new Map(lines.map(readCookie));
  const names = new Set(wanted.flatMap((known) => Object.keys(known)));
  const extra = [...now.keys()]
    .filter((name) => wanted.length > 0 && !names.has(name))
    .map((name) => ({ path: `cookie:${name}`, kind: 'extra', sentence: 'legacy sets no such cookie' }));
  const lacking = [...names]
    .filter((name) => !name.startsWith('‹') && wanted.every((known) => Object.hasOwn(known, name)))
    .flatMap((name) => judgeCookie(name, Object.keys(wanted[0][name]), now.get(name)));
  return [...extra, ...lacking];
}

function judgeCookie(name, wanted, now) {
  const path = `cookie:${name}`;
  if (!now) return [{ path, kind: 'missing', sentence: 'the cookie is not set' }];
  return wanted
    .filter((attribute) => attribute !== 'value' && !now.includes(attribute))
    .map((attribute) => ({
      path: `${path};${attribute}`,
      kind: 'missing',
      sentence: 'the attribute is missing',
    }));
}

function readCookie(line) {
  const [pair, ...attributes] = line.split(';').map((part) => part.split('=')[0].trim());
  return [pair, attributes.map((name) => name.toLowerCase())];
}

/** Every place of the answer against what legacy had there: in any item of a list, in any sample of the same request. */
function judge(path, nodes, now) {
  if (nodes.length === 0 || nodes.some(isCut)) return [];
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
  // What was cut off a list is of the same kinds as what is left.
  const items = lists.flat().filter((item) => !isCut(item));
  const problems = now.flatMap((item) => judge(`${path}/*`, items, item));
  const told = new Map(problems.map((problem) => [`${problem.path} ${problem.sentence}`, problem]));
  return [...told.values()];
}

function judgeObject(path, objects, now) {
  if (objects.length === 0) return [];
  const known = objects.map((object) => new Map(Object.entries(object)));
  const names = new Set(known.flatMap((members) => [...members.keys()]));
  // Keys that were data are masked: any key may stand there, and has what one of them had.
  const masked = known.flatMap((members) =>
    [...members].filter(([name]) => name.startsWith('‹key:')).map(([, node]) => node),
  );
  const lacking = [...names]
    .filter(
      (name) =>
        !name.startsWith('‹') && !Object.hasOwn(now, name) && known.every((members) => members.has(name)),
    )
    .map((name) => ({ path: `${path}/${escapeName(name)}`, kind: 'missing', sentence: 'is missing' }));
  const others = Object.entries(now).flatMap(([name, value]) => {
    const place = `${path}/${escapeName(name)}`;
    const nodes = known.filter((members) => members.has(name)).map((members) => members.get(name));
    if (nodes.length > 0) return judge(place, nodes, value);
    if (masked.length > 0) return judge(`${path}/*`, masked, value);
    return [{ path: place, kind: 'extra', sentence: 'legacy has no such member' }];
  });
  return [...lacking, ...others];
}

const escapeName = (name) => name.replaceAll('~', '~0').replaceAll('/', '~1');

// A leaf of a skeleton is an object whose `type` is a string; an object of the answer has only objects and lists below it.
const isLeaf = (node) => !Array.isArray(node) && typeof node.type === 'string';
const isObject = (node) => !Array.isArray(node) && !isLeaf(node);
const isCut = (node) => isObject(node) && Object.hasOwn(node, '‹cut›');

function typeOf(node) {
  if (Array.isArray(node)) return 'list';
  return isLeaf(node) ? node.type : 'object';
}

function typeOfValue(value) {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'list' : typeof value;
}

/** JSON as JSON, text as text, nothing as undefined, all else as bytes. */
function readBody({ headers, body }) {
  if (body.length === 0) return undefined;
  const type = headers.get('content-type') ?? '';
  if (!/^(text\/|application\/([\w.+-]*\+)?(json|xml|javascript)\b)/.test(type)) return body;
  if (!/json/.test(type)) return body.toString('utf8');
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body.toString('utf8');
  }
}
