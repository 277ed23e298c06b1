import type { Terminal } from './terminal.ts';

const STEPS = [
  ['min', 60],
  ['h', 3_600],
  ['d', 86_400],
] as const;

/** `3 min ago` for a person; the time itself where it goes into a pipe, whatever reads it there can count. */
export function printWhen({ screen }: Terminal, iso: string, nowMs = Date.now()): string {
  if (!screen) return iso;
  const seconds = Math.max(0, (nowMs - Date.parse(iso)) / 1_000);
  const [unit, size] = STEPS.findLast(([, length]) => seconds >= length) ?? ['', 1];
  return unit === '' ? 'just now' : `${Math.floor(seconds / size)} ${unit} ago`;
}

/** `2026-11-22 11:34 UTC` */
export function printMinute(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}
