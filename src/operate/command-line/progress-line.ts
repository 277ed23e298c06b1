import type { Terminal } from './terminal.ts';

/** One line on a screen that changes; nothing in a pipe. */
export type ProgressLine = Readonly<{ show(text: string): void; clear(): void }>;

const ERASE = '\r\u001b[K';
/** Nobody reads faster. */
const EVERY_MS = 100;

/** On stderr, so that it is never part of what a command answers. */
export function openProgressLine({ screen, err }: Terminal, now = () => performance.now()): ProgressLine {
  if (screen === undefined) return { show: () => undefined, clear: () => undefined };
  const width = Math.max(20, screen.columns - 1);
  let shownMs = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(text) {
      if (now() - shownMs < EVERY_MS) return;
      shownMs = now();
      isShown = true;
      err(`${ERASE}${text.slice(0, width)}`);
    },
    clear() {
      if (isShown) err(ERASE);
      isShown = false;
    },
  };
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** `34.2 MB` */
export function printBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

export const printCount = (count: number): string => count.toLocaleString('en');
