// People who ask at a fixed rate, whatever the answers take: a late answer does not make the next request late (open loop), and what a
// request waited before it could be sent counts as its latency (no coordinated omission).
import { createHash } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { openDie } from '../../legacy-stub/seed/random.ts';
import { servePart } from './part.ts';

/** One kind of request that the load is made of. */
export type Shot = Readonly<{
  tenant: string;
  method: 'GET' | 'POST';
  target: string;
  body?: string;
  /** How often it comes among all. */
  weight: number;
  /** What legacy itself answers, where that is always the same. */
  expected?: Print;
}>;

/** An answer as far as it must be the same each time. */
export type Print = Readonly<{ status: number; sha256: string }>;

export type LoadAsk = Readonly<{
  port: number;
  perSecond: number;
  ms: number;
  seed: string;
  shots: readonly Shot[];
}>;

export type LoadAnswer = Readonly<{
  latenciesMs: Float64Array;
  /** Requests without a whole answer, in words. */
  failed: readonly string[];
  /** Answers that were not legacy's own. */
  other: readonly string[];
  /** Bodies of the answers to writes, by target. */
  written: readonly (readonly [target: string, body: string])[];
}>;

export function print(status: number, headers: IncomingHttpHeaders, body: Buffer): Print {
  const { 'content-type': type = '', etag = '' } = headers;
  const sha256 = createHash('sha256').update(`${type}\n${etag}\n`).update(body).digest('hex');
  return { status, sha256 };
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

async function run({ port, perSecond, ms, seed, shots }: LoadAsk): Promise<LoadAnswer> {
  const die = openDie(seed);
  const urn = shots.flatMap((shot) => Array.from({ length: shot.weight }, () => shot));
  const count = Math.round((perSecond * ms) / 1000);
  const latenciesMs = new Float64Array(count);
  const [failed, other, written]: [string[], string[], [string, string][]] = [[], [], []];
  const beganMs = performance.now() + 20;
  const dueMs = (i: number) => beganMs + (i * 1000) / perSecond;
  const asking: Promise<void>[] = [];
  const ask = async (i: number) => {
    const shot = die.pick(urn);
    const name = `${shot.method} ${shot.tenant} ${shot.target}`;
    try {
      const { status, headers, body } = await send(port, shot, `${seed}-${i}`);
      const { expected } = shot;
      const seen = print(status, headers, body);
      if (expected && (seen.status !== expected.status || seen.sha256 !== expected.sha256))
        other.push(`${name}: ${status}, ${body.length} bytes`);
      else if (!expected && status !== 201 && status !== 200) failed.push(`${name}: ${status}`);
      if (shot.method === 'POST') written.push([shot.target, body.toString()]);
    } catch (error) {
      failed.push(`${name}: ${String(error)}`);
    }
    latenciesMs[i] = performance.now() - dueMs(i);
  };
  for (let i = 0; i < count; ) {
    for (; i < count && dueMs(i) <= performance.now(); i += 1) asking.push(ask(i));
    if (i < count)
      await new Promise((resolve) => setTimeout(resolve, Math.max(1, dueMs(i) - performance.now())));
  }
  await Promise.all(asking);
  return { latenciesMs, failed, other, written };
}

function send(
  port: number,
  { tenant, method, target, body }: Shot,
  mark: string,
): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
  const text = body?.replace('{mark}', mark);
  return new Promise((resolve, reject) => {
    const req = request({
      agent,
      host: '127.0.0.1',
      port,
      method,
      path: target,
      headers: {
        host: `${tenant}.localhost:${port}`,
        authorization: `Bearer byn_demo_${tenant}`,
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        }),
      },
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
