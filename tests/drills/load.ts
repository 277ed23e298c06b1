// People who ask at a fixed rate, whatever the answers take: a late answer does not make the next request late (open loop), and what a
// request waited before it could be sent counts as its latency (no coordinated omission).
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { openDie } from '../../legacy-stub/seed/random.ts';
import { servePart } from './part.ts';
import { type End, type LoadAnswer, type LoadAsk, type Problem, print, type Shot } from './shot.ts';

type Answer = Readonly<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>;

const AGENTS = {
  kept: new Agent({ keepAlive: true, maxSockets: 20_000, maxFreeSockets: 20_000 }),
  own: new Agent({ keepAlive: false, maxSockets: 20_000 }),
};
/** Until the first request is due. */
const LEAD_MS = 20;
/** Longer than any deadline of the gateway: who has no answer by then never gets one. */
const PATIENCE_MS = 60_000;

async function run(asked: LoadAsk): Promise<LoadAnswer> {
  const { perSecond, ms, seed, shots } = asked;
  const die = openDie(seed);
  const urn = shots.flatMap((shot) => Array.from({ length: shot.weight }, () => shot));
  const count = Math.round((perSecond * ms) / 1000);
  const tally: Tally = { ends: [], failed: [], other: [], written: [] };
  const latenciesMs = new Float64Array(count);
  const beganMs = performance.now() + LEAD_MS;
  const asking: Promise<void>[] = [];
  for (let i = 0; i < count; i += 1) {
    const dueMs = beganMs + (i * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await wait(Math.max(1, waitMs));
    const one = { ...asked, shot: die.pick(urn), mark: `${seed}-${i}`, dueMs };
    const answered = ask(tally, one).then(() => {
      latenciesMs[i] = performance.now() - dueMs;
    });
    asking.push(answered);
  }
  await Promise.all(asking);
  return { ...tally, latenciesMs };
}

type Tally = { ends: End[]; failed: string[]; other: string[]; written: (readonly [string, string])[] };
type One = Pick<LoadAsk, 'port' | 'connections'> & Readonly<{ shot: Shot; mark: string; dueMs: number }>;
type Sent = { sentMs?: number };

async function ask(tally: Tally, one: One): Promise<void> {
  const { method, tenant, target, expected } = one.shot;
  const name = `${method} ${tenant} ${target}`;
  const sent: Sent = {};
  const end = (rest: Pick<End, 'status' | 'side' | 'problem' | 'trouble'>) =>
    tally.ends.push({ tenant, method, target, ...tellTimes(one, sent), ...rest });
  try {
    const { status, headers, body } = await send(one, sent);
    end({ status, side: String(headers['x-served-by'] ?? ''), ...readProblem(headers, body) });
    const seen = print(status, headers, body);
    const isOwn = !expected || (seen.status === expected.status && seen.sha256 === expected.sha256);
    if (!isOwn) tally.other.push(`${name}: ${status}, ${body.length} bytes`);
    if (!expected && status !== 200 && status !== 201) tally.failed.push(`${name}: ${status}`);
    if (method === 'POST') tally.written.push([target, body.toString()]);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    end({ status: 0, side: '', trouble: code ?? message });
    tally.failed.push(`${name}: ${String(error)}`);
  }
}

function tellTimes({ dueMs }: One, { sentMs }: Sent): Pick<End, 'dueMs' | 'sentMs' | 'endedMs'> {
  const { timeOrigin } = performance;
  const endedMs = timeOrigin + performance.now();
  return { dueMs: timeOrigin + dueMs, sentMs: sentMs && timeOrigin + sentMs, endedMs };
}

function readProblem(headers: IncomingHttpHeaders, body: Buffer): Readonly<{ problem?: Problem }> {
  if (!headers['content-type']?.startsWith('application/problem+json')) return {};
  const { code, detail, blame, request_id, retry_safe } = JSON.parse(body.toString());
  const retryAfterS = headers['retry-after'] === undefined ? undefined : Number(headers['retry-after']);
  const isWhole = [code, detail, blame, request_id].every((word) => typeof word === 'string' && word !== '');
  return { problem: { code, retrySafe: retry_safe, retryAfterS, isWhole } };
}

function send({ port, connections = 'kept', shot, mark }: One, sent: Sent): Promise<Answer> {
  const { tenant, method, target, body, leavesAfterMs, key = `byn_demo_${tenant}` } = shot;
  const text = body?.replace('{mark}', mark);
  const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) };
  const headers = {
    host: `${tenant}.localhost:${port}`,
    authorization: `Bearer ${key}`,
    ...(text !== undefined && { 'content-type': 'application/json' }),
    ...length,
  };
  return new Promise((resolve, reject) => {
    const agent = AGENTS[connections];
    const req = request({ agent, host: '127.0.0.1', port, method, path: target, headers });
    const [end, endMs] = leavesAfterMs === undefined ? ['no answer', PATIENCE_MS] : ['left', leavesAfterMs];
    const timer = setTimeout(() => {
      req.destroy();
      reject(new Error(end));
    }, endMs);
    req.once('close', () => clearTimeout(timer));
    // Not before there was a connection, and the kernel has taken all of it.
    req.once('finish', () => {
      sent.sentMs = performance.now();
    });
    req.once('error', reject);
    req.once('response', (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.once('error', reject);
      res.once('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(pieces) }),
      );
    });
    req.end(text);
  });
}

servePart(run);
