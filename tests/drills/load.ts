// People who ask at a fixed rate, whatever the answers take: a late answer does not make the next request late (open loop), and what a
// request waited before it could be sent counts as its latency (no coordinated omission).
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { openDie } from '../../legacy-stub/seed/random.ts';
import { servePart } from './part.ts';
import { type LoadAnswer, type LoadAsk, print, type Shot } from './shot.ts';

type Answer = Readonly<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>;

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
/** Until the first request is due. */
const LEAD_MS = 20;

async function run({ port, perSecond, ms, seed, shots }: LoadAsk): Promise<LoadAnswer> {
  const die = openDie(seed);
  const urn = shots.flatMap((shot) => Array.from({ length: shot.weight }, () => shot));
  const count = Math.round((perSecond * ms) / 1000);
  const tally = { latenciesMs: new Float64Array(count), failed: [], other: [], written: [] };
  const beganMs = performance.now() + LEAD_MS;
  const asking: Promise<void>[] = [];
  for (let i = 0; i < count; i += 1) {
    const dueMs = beganMs + (i * 1000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await wait(Math.max(1, waitMs));
    const shot = die.pick(urn);
    const asked = ask(tally, port, shot, `${seed}-${i}`).then(() => {
      tally.latenciesMs[i] = performance.now() - dueMs;
    });
    asking.push(asked);
  }
  await Promise.all(asking);
  return tally;
}

type Tally = { failed: string[]; other: string[]; written: (readonly [string, string])[] };

async function ask(tally: Tally, port: number, shot: Shot, mark: string): Promise<void> {
  const { method, tenant, target, expected } = shot;
  const name = `${method} ${tenant} ${target}`;
  try {
    const { status, headers, body } = await send(port, shot, mark);
    const seen = print(status, headers, body);
    const isOwn = !expected || (seen.status === expected.status && seen.sha256 === expected.sha256);
    if (!isOwn) tally.other.push(`${name}: ${status}, ${body.length} bytes`);
    if (!expected && status !== 200 && status !== 201) tally.failed.push(`${name}: ${status}`);
    if (method === 'POST') tally.written.push([target, body.toString()]);
  } catch (error) {
    tally.failed.push(`${name}: ${String(error)}`);
  }
}

function send(port: number, { tenant, method, target, body }: Shot, mark: string): Promise<Answer> {
  const text = body?.replace('{mark}', mark);
  const length = text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) };
  const headers = {
    host: `${tenant}.localhost:${port}`,
    authorization: `Bearer byn_demo_${tenant}`,
    ...(text !== undefined && { 'content-type': 'application/json' }),
    ...length,
  };
  return new Promise((resolve, reject) => {
    const req = request({ agent, host: '127.0.0.1', port, method, path: target, headers });
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
