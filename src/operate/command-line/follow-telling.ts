import type { FollowHeard, FollowProgress } from './command.ts';
import { openLiveLines } from './live-lines.ts';
import { type Colour, openPaint } from './paint.ts';
import { drawBar, estimateLeft, printSpan } from './progress-bar.ts';
import { printCount } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

const BAR_CELLS = 24;
const MOST_NAMES = 4;
const MOST_FAILURES = 5;
/** Nobody reads faster. */
const EVERY_MS = 100;
/** The time over which rows a second are counted. */
const PACE_MS = 5_000;

/** How a copy goes: some lines that live on a screen, a line for each tenant's end in a pipe. */
export function openFollowTelling(
  terminal: Terminal,
  manner: 'told' | 'silent',
  now: () => number = () => performance.now(),
): FollowHeard & Readonly<{ close(): void }> {
  const isLive = manner === 'told' && terminal.screen !== undefined && terminal.env.TERM !== 'dumb';
  const lines = openLiveLines(terminal);
  const beganMs = now();
  const pace = openRate(now);
  let shownMs = Number.NEGATIVE_INFINITY;
  let last: FollowProgress | undefined;
  let resting: string | undefined;
  const draw = () => {
    if (last === undefined) return;
    shownMs = now();
    lines.draw(drawFollow(terminal, last, { elapsedMs: now() - beganMs, rate: pace.read(), resting }));
  };
  return {
    onProgress(progress) {
      last = progress;
      pace.note(progress.rows);
      if (isLive && now() - shownMs >= EVERY_MS) draw();
      if (manner === 'told' && !isLive && progress.ended) terminal.out(`${printEnd(progress.ended)}\n`);
    },
    onRest(reason) {
      if (reason === resting) return;
      resting = reason;
      if (isLive) draw();
      else if (manner === 'told') terminal.err(`${reason === undefined ? 'goes on' : `rests: ${reason}`}\n`);
    },
    close: () => (isLive ? lines.clear() : undefined),
  };
}

/** `done⇥acme⇥167`, `failed⇥globex⇥why` */
const printEnd = (ended: NonNullable<FollowProgress['ended']>): string =>
  'detail' in ended ? `failed\t${ended.tenant}\t${ended.detail}` : `done\t${ended.tenant}\t${ended.rows}`;

type Pace = Readonly<{ elapsedMs: number; rate: number; resting: string | undefined }>;

function drawFollow(
  terminal: Terminal,
  { tenants, rows, bytes, now, failures }: FollowProgress,
  { elapsedMs, rate, resting }: Pace,
): readonly string[] {
  const paint = openPaint(terminal);
  const leftMs = estimateLeft(bytes.done, bytes.all, elapsedMs);
  const told = [
    `${printCount(tenants.done)} of ${printCount(tenants.all)} tenants`,
    `${printCount(rows)} rows`,
    `${printCount(Math.round(rate))} rows/s`,
    ...(tenants.failed > 0 ? [`${tenants.failed} failed`] : []),
    leftMs === undefined ? printSpan(elapsedMs) : `${printSpan(leftMs)} left`,
  ];
  const lines: readonly (readonly [name: string, text: string, colour?: Colour])[] = [
    ['copy', `${drawBar(bytes.done, bytes.all, BAR_CELLS)}  ${told.join(' · ')}`],
    ['now', now.slice(0, MOST_NAMES).join(', ') + (now.length > MOST_NAMES ? ', …' : '')],
    ['rests', resting ?? '', 'yellow'],
    ...failures
      .slice(-MOST_FAILURES)
      .map(({ tenant, detail }) => ['failed', `${tenant}: ${detail}`, 'red'] as const),
  ];
  return lines
    .filter(([, text]) => text)
    .map(([name, text, colour = 'bold']) => `${paint(colour, name.padEnd(7))} ${text}`);
}

/** Rows a second over the last seconds. */
function openRate(now: () => number): Readonly<{ note(rows: number): void; read(): number }> {
  const seen: { readonly atMs: number; readonly rows: number }[] = [{ atMs: now(), rows: 0 }];
  return {
    note(rows) {
      const atMs = now();
      seen.push({ atMs, rows });
      while (seen.length > 2 && atMs - (seen[1]?.atMs ?? atMs) > PACE_MS) seen.shift();
    },
    read() {
      const [first, last] = [seen[0], seen.at(-1)];
      const ms = now() - (first?.atMs ?? 0);
      return ms <= 0 ? 0 : (((last?.rows ?? 0) - (first?.rows ?? 0)) * 1_000) / ms;
    },
  };
}
