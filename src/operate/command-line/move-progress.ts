import type { MoveJson, OrderJson } from '../admin/move-shapes.ts';
import { drawWave } from './move-picture.ts';
import { hasEnded } from './order-watch.ts';
import { type Colour, openPaint } from './paint.ts';
import { drawBar, estimateLeft, findQuantile, printSpan } from './progress-bar.ts';
import type { Terminal } from './terminal.ts';

/** How far legacy is behind, over all tenants of a feature. */
export type Lag = Readonly<{ lines: number; oldestMs: number }>;

const BAR_CELLS = 24;
const MOST_NAMES = 4;
/** Of those that failed, the last so many. */
export const MOST_FAILURES = 5;

const WORDS: Readonly<Record<OrderJson['order'], string>> = {
  hand_over: 'hand over',
  hand_back: 'hand back',
  verify: 'verify',
  rehearse: 'rehearse',
};

export const nameOrder = (order: OrderJson['order']) => WORDS[order];

/** What a screen shows while orders are carried out. */
export function drawProgress(
  terminal: Terminal,
  orders: readonly OrderJson[],
  elapsedMs: number,
  move: MoveJson | undefined,
): readonly string[] {
  const paint = openPaint(terminal);
  const ended = orders.filter(hasEnded);
  const failed = orders.filter(({ state }) => state === 'failed');
  const running = orders.filter(({ state }) => state === 'running').map(nameTenant);
  const [first] = orders;
  const rows = [
    ['', `${drawBar(ended.length, orders.length, BAR_CELLS)}  ${describePace(orders, elapsedMs, move)}`],
    ...(move ? drawWave(move).map((text) => [`wave ${move.wave?.wave}`, text] as const) : []),
    ...(move?.state === 'paused'
      ? [['paused', move.paused_why ?? 'Somebody paused it.', 'yellow'] as const]
      : []),
    ['writes held', describeHeld(orders.flatMap(({ held_ms }) => held_ms ?? []))],
    ['legacy behind', move && describeLag(readLag(move))],
    ['now', running.slice(0, MOST_NAMES).join(', ') + (running.length > MOST_NAMES ? ', …' : '')],
    ...failed
      .slice(-MOST_FAILURES)
      .map((order) => ['failed', `${nameTenant(order)}: ${order.detail ?? ''}`, 'red']),
  ] as const;
  const title = first ? `${nameOrder(first.order)} ${first.feature}` : '';
  return rows
    .filter(([, text]) => text)
    .map(([name, text = '', colour]) => {
      const told = paint(colour ? (colour as Colour) : 'bold', (name || title).padEnd(15));
      return `${told} ${text}`;
    });
}

function describePace(orders: readonly OrderJson[], elapsedMs: number, move: MoveJson | undefined): string {
  const ended = orders.filter(hasEnded);
  const failed = ended.filter(({ state }) => state === 'failed').length;
  const rows = sumRows(orders);
  const leftMs = estimateLeft(ended.length, orders.length, elapsedMs);
  const isOver = ended.length === orders.length || move?.state === 'paused';
  return [
    `${ended.length.toLocaleString('en')} of ${orders.length.toLocaleString('en')} tenants`,
    ...(rows > 0 ? [`${rows.toLocaleString('en')} rows`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    isOver || leftMs === undefined ? `${printSpan(elapsedMs)}` : `${printSpan(leftMs)} left`,
  ].join(' · ');
}

export const sumRows = (orders: readonly OrderJson[]) =>
  orders.reduce((sum, { rows }) => sum + (rows ?? 0), 0);

/** `half within 84 ms, longest 212 ms`; undefined where nobody's writes were held. */
export function describeHeld(held: readonly number[]): string | undefined {
  if (held.length === 0) return undefined;
  if (held.length === 1) return printSpan(held[0] ?? 0);
  return `half within ${printSpan(findQuantile(held, 0.5) ?? 0)}, longest ${printSpan(Math.max(...held))}`;
}

export function describeLag({ lines, oldestMs }: Lag): string {
  if (lines === 0) return 'nothing waits';
  return `${printSpan(oldestMs)}, ${lines.toLocaleString('en')} writes wait to be carried back`;
}

export function readLag({ tenants }: Pick<MoveJson, 'tenants'>): Lag {
  return {
    lines: tenants.reduce((sum, { waiting }) => sum + waiting.lines, 0),
    oldestMs: Math.max(0, ...tenants.map(({ waiting }) => waiting.oldest_ms)),
  };
}

export const nameTenant = ({ tenant }: OrderJson) => tenant ?? 'a tenant that is gone';
