import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { HandleRequest } from '../../src/handle/index.ts';
import type { AlterHandle } from '../../src/shadow.ts';
import type { TenantStore } from '../../src/store/index.ts';
import type { Outcome } from '../../src/vocabulary/index.ts';

/** What new handlers can do wrong to the house they run in. All of it happens where a handler asks for its rows. */
export const BADNESS = {
  good: 'handlers as they should be',
  hang: 'handlers that never answer',
  throw: 'handlers that throw',
  flood: 'handlers that answer without end',
  churn: 'handlers that burn a core and let the event loop turn',
  stuck: 'handlers whose queries hang (pg_sleep)',
  crash: 'handlers that crash the process',
  heap: 'handlers that eat the heap',
  buffers: 'handlers that eat memory outside the heap',
  spin: 'handlers in an endless loop',
  block: 'handlers that stop the event loop and wait',
} as const;

export type Badness = keyof typeof BADNESS;

/** Those that cost the process its life, at once or when it has piled up. */
export const DEADLY = [
  'churn',
  'crash',
  'heap',
  'buffers',
  'spin',
  'block',
] as const satisfies readonly Badness[];

type Within = TenantStore['within'];
type Deed = (within: Within) => Within;

const never = <T>() => new Promise<T>(() => undefined);
const MIB = 1024 * 1024;
const kept: unknown[] = [];

const DEEDS: Readonly<Record<Exclude<Badness, 'good' | 'flood'>, Deed>> = {
  hang: () => () => never(),
  throw: () => async () => {
    throw new TypeError("Cannot read properties of undefined (reading 'id')");
  },
  churn: () => () => {
    turn();
    return never();
  },
  stuck: (within) => (work) =>
    within(async (tx) => {
      await tx.$queryRaw`SELECT pg_sleep(60)::text`;
      return work(tx);
    }),
  // Outside every promise, as in a callback of some library.
  crash: () => () => {
    setImmediate(() => {
      throw new Error('a callback threw');
    });
    return never();
  },
  heap: () => () => {
    eatHeap();
    return never();
  },
  buffers: () => () => {
    eatBuffers();
    return never();
  },
  spin: () => () => {
    for (;;);
  },
  block: () => () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return never();
  },
};

/** Alters a handle by what `read` says at each request. */
export function behaveBadly(read: () => Badness): AlterHandle {
  return (handle) => ({
    ...handle,
    answer: (request, req, res) => {
      const badness = read();
      if (badness === 'good') return handle.answer(request, req, res);
      if (badness === 'flood') return flood(request, res);
      return handle.answer(spoil(request, DEEDS[badness]), req, res);
    },
  });
}

const fileIn = (folder: string) => join(folder, 'badness');

/** What the file in that folder says now. */
export function readBadness(folder: string): Badness {
  const word = readFileSync(fileIn(folder), 'utf8');
  return word in BADNESS ? (word as Badness) : 'good';
}

/** In one step: nobody ever reads half of it. */
export function writeBadness(folder: string, badness: Badness): void {
  writeFileSync(`${fileIn(folder)}.new`, badness);
  renameSync(`${fileIn(folder)}.new`, fileIn(folder));
}

function spoil(request: HandleRequest, deed: Deed): HandleRequest {
  const { rehearsal } = request;
  if (!rehearsal) return request;
  const { scope } = rehearsal;
  return { ...request, rehearsal: { ...rehearsal, scope: { ...scope, within: deed(scope.within) } } };
}

/** Neither the signal nor a slow reader stops it; only that its answer is destroyed does. */
function flood({ signal, tap }: HandleRequest, res: ServerResponse): Promise<Outcome> {
  const pour = () => {
    for (let i = 0; i < 16; i += 1) {
      const piece = Buffer.alloc(64 * 1024, 'x');
      tap?.answered(piece);
      res.write(piece);
    }
    if (!res.destroyed) setImmediate(pour);
  };
  const given = new Promise<Outcome>((resolve) =>
    signal?.addEventListener('abort', () => resolve({ kind: 'abandoned' }), { once: true }),
  );
  tap?.answerBegan(200, ['Content-Type', 'application/json']);
  pour();
  return given;
}

function turn(): void {
  const untilMs = performance.now() + 5;
  while (performance.now() < untilMs);
  setImmediate(turn);
}

function eatHeap(): void {
  for (let i = 0; i < 2_000; i += 1) kept.push({ row: i, text: `a row that nobody lets go of, number ${i}` });
  setImmediate(eatHeap);
}

function eatBuffers(): void {
  kept.push(Buffer.alloc(4 * MIB, 1));
  setTimeout(eatBuffers, 5);
}
