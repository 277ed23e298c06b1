import { type FSWatcher, type Stats, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

export type TableWatch = Readonly<{ close(): void }>;

const DEBOUNCE_MS = 40;
/** At most so often, however stormy it gets: 4 reloads a second. */
const REST_MS = 250;
/** The net below: catches what the watcher does not see (swapped links, network folders, a folder made anew). */
const POLL_MS = 400;

/**
 * Calls `look` soon after the file may have changed: not for every event, but always once more after the last one.
 * Watches the folder, since editors replace the file and a watch on the file itself would go with the old one.
 */
export function watchTableFile(file: string, look: () => Promise<void>): TableWatch {
  let timer: NodeJS.Timeout | undefined;
  let isLooking = false;
  let isDue = false;
  let isClosed = false;
  const run = async () => {
    isLooking = true;
    isDue = false;
    await look();
    isLooking = false;
    if (isDue) schedule(REST_MS);
  };
  const schedule = (delayMs: number) => {
    isDue = true;
    if (isClosed || isLooking || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      void run();
    }, delayMs).unref();
  };
  const watcher = watchFolder(file, () => schedule(DEBOUNCE_MS));
  const stopPolling = pollFile(file, () => schedule(DEBOUNCE_MS));
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      stopPolling();
      watcher?.close();
    },
  };
}

function watchFolder(file: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const name = basename(file);
    const watcher = watch(dirname(file), { persistent: false }, (_event, changed) => {
      // `..data` is the link that Kubernetes swaps when a mounted ConfigMap changes.
      if (changed === null || changed === name || changed.startsWith('..')) onEvent();
    });
    // A folder that goes away, or a full inotify table: the poll goes on alone.
    return watcher.on('error', () => watcher.close());
  } catch {
    return undefined;
  }
}

function pollFile(file: string, onChange: () => void): () => void {
  let last: string | undefined;
  const timer = setInterval(async () => {
    const mark = await stat(file).then(describeStats, () => 'missing');
    if (last !== undefined && mark !== last) onChange();
    last = mark;
  }, POLL_MS).unref();
  return () => clearInterval(timer);
}

function describeStats({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}
