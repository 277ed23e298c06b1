import { mkdir, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';

const LENGTH_MS = 2_000;
const REST_MS = 600_000;

/**
 * Writes down what the processor is busy with, as a `.cpuprofile` that the developer tools of browsers open. At most one in ten minutes,
 * so that a bad day fills no disk. Answers its path, or undefined where none is due.
 */
export function openProfiler(folder: string, lengthMs = LENGTH_MS): () => Promise<string | undefined> {
  let lastMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - lastMs < REST_MS) return undefined;
    lastMs = performance.now();
    const text = await takeProfile(lengthMs);
    const file = join(folder, nameFile(new Date()));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
}

async function takeProfile(lengthMs: number): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await new Promise((resolve) => setTimeout(resolve, lengthMs));
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  } finally {
    session.disconnect();
  }
}

const nameFile = (at: Date) => `shedding-${process.pid}-${at.toISOString().replaceAll(':', '')}.cpuprofile`;
