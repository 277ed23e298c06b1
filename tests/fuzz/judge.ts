import type { Talk } from './client.ts';
import { findForgeries, type TagKey } from './identity.ts';
import type { NodeRead } from './node-view.ts';
import type { Seen } from './recording-upstream.ts';
import type { Stream } from './streams.ts';
import { type Conversation, type Message, valuesOf } from './strict-parser.ts';

/**
 * `desync`: two parties disagree on where a request begins or ends, or on what it is. `forged`: an identity that the gateway has not
 * given. `garbled`: bytes to the client that are no answer, or half of one. `silent`: no answer, and no reason why. `crash`: the gateway
 * no longer serves, or says that it has a bug.
 */
export type Finding = Readonly<{
  kind: 'desync' | 'forged' | 'garbled' | 'silent' | 'crash';
  detail: string;
  stream?: Stream;
}>;

/** One connection, as its client, the strict reading, Node and the upstream each tell it. */
export type Evidence = Readonly<{
  stream: Stream;
  strict: Conversation;
  node: readonly NodeRead[];
  talk: Talk;
  /** In the order in which the upstream saw them. */
  seen: readonly Seen[];
}>;

export function judge(evidence: Evidence, keys: readonly TagKey[]): readonly Finding[] {
  const { stream } = evidence;
  const details: readonly (readonly [Finding['kind'], readonly string[]])[] = [
    ['desync', compareReadings(evidence)],
    ['desync', compareAnswers(evidence)],
    ['forged', evidence.seen.flatMap((seen) => findForgeries(seen, keys))],
    ['garbled', findGarbage(evidence)],
    ['silent', findSilence(evidence)],
  ];
  return details.flatMap(([kind, found]) => found.map((detail) => ({ kind, detail, stream })));
}

type Request = Readonly<{ method: string; target: string; body: Buffer }>;

/** Everything that the upstream saw, the client must have said: by the strict reading and by Node's, in that order. */
function compareReadings({ seen, strict, node }: Evidence): readonly string[] {
  return [
    ...findStrangers(seen, strict.messages).map(
      (each) => `the upstream saw ${each}, which by the strict reading nobody sent`,
    ),
    ...findStrangers(seen, node).map(
      (each) => `the upstream saw ${each}, which by Node's reading nobody sent`,
    ),
    ...seen.flatMap((each) => findStrangeLines(each, strict.messages)),
  ];
}

function findStrangers(seen: readonly Seen[], said: readonly Request[]): readonly string[] {
  let from = 0;
  return seen.flatMap((each) => {
    const at = said.findIndex((one, i) => i >= from && isSame(one, each));
    if (at < 0) return [name(each)];
    from = at + 1;
    return [];
  });
}

const isSame = (said: Request, seen: Request) =>
  said.method === seen.method && originForm(said.target) === seen.target && said.body.equals(seen.body);

function originForm(target: string): string {
  const rest = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return rest === target || rest.startsWith('/') ? rest : `/${rest}`;
}

const name = ({ method, target, body }: Request) => `${method} ${target.slice(0, 80)} (${body.length} bytes)`;

// What the gateway says itself, or says anew.
const OWN =
  /^(host|connection|upgrade|via|max-forwards|content-length|transfer-encoding|x-request-id|traceparent|tracestate|x-identity-tag|x-tenant-id|x-user-id|x-forwarded-(for|host|proto))$/;

/** No header line that the client has not sent, at least not as often. */
function findStrangeLines(seen: Seen, said: readonly Message[]): readonly string[] {
  const source = said.find((one) => isSame(one, seen));
  if (source === undefined) return [];
  const authority = /^https?:\/\/([^/?#]*)/i.exec(source.target)?.[1] ?? valuesOf(source.lines, 'host')[0];
  const [host] = valuesOf(seen.lines, 'host');
  const isElsewhere = authority !== undefined && authority.toLowerCase() !== host?.toLowerCase();
  const left = source.lines.map(([lower, value]) => `${lower.toLowerCase()}: ${value}`);
  const strange = seen.lines.flatMap(([field, value]) => {
    const line = `${field.toLowerCase()}: ${value}`;
    if (OWN.test(field.toLowerCase())) return [];
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at >= 0 ? [] : [`${name(seen)} has a line that nobody sent: ${line.slice(0, 60)}`];
  });
  return isElsewhere ? [...strange, `${name(seen)} was for ${authority} and went on for ${host}`] : strange;
}

/** Each answer answers the request that stands at its place, and there are no more answers than requests. */
function compareAnswers({ talk, strict, seen }: Evidence): readonly string[] {
  const { finals } = talk.answers;
  const findings = finals.flatMap(({ fields }, i) => {
    const echo = fields.get('x-echo');
    if (echo === undefined) return [];
    const answered = seen.find(({ number }) => String(number) === echo);
    if (answered === undefined) return [`answer ${i} is one to somebody else's request`];
    const asked = strict.messages[i];
    return asked !== undefined && isSame(asked, answered) ? [] : [`answer ${i} is one to ${name(answered)}`];
  });
  const last = strict.end === 'refused' || strict.end === 'partial' ? 1 : 0;
  const most = strict.messages.length + last;
  return finals.length > most ? [...findings, `${finals.length} answers to ${most} requests`] : findings;
}

function findGarbage({ talk, strict }: Evidence): readonly string[] {
  const { finals, rest } = talk.answers;
  const cut = finals.some(({ isWhole }) => !isWhole) && strict.end === 'clean';
  return [
    ...(rest === '' ? [] : [`no answer: ${JSON.stringify(rest.slice(0, 80))}`]),
    ...(cut ? ['half an answer'] : []),
  ];
}

/** A good request that gets no answer has one before it that says the connection is closed. */
function findSilence({ talk, strict }: Evidence): readonly string[] {
  const { finals } = talk.answers;
  const missing = strict.messages[finals.length];
  if (talk.ended === 'hung') return [`hung after ${finals.length} of ${strict.messages.length} answers`];
  if (missing === undefined || talk.ended === 'left') return [];
  const isTold = finals.at(-1)?.fields.get('connection')?.toLowerCase() === 'close';
  return isTold || isPreface(missing) ? [] : [`closed without an answer to ${name(missing)}`];
}

/** HTTP/2's first words get none. */
const isPreface = ({ method }: Message) => method === 'PRI';

export const requestIdOf = ({ lines }: Message): string => valuesOf(lines, 'x-request-id').join();
