import type { MoveJson, OrderJson } from '../admin/move-shapes.ts';
import type { AdminClient } from './admin-client.ts';
import { openLiveLines } from './live-lines.ts';
import {
  describeHeld,
  drawProgress,
  type Lag,
  MOST_FAILURES,
  nameOrder,
  nameTenant,
  readLag,
  sumRows,
} from './move-progress.ts';
import { hasEnded, watchOrders } from './order-watch.ts';
import { openPaint } from './paint.ts';
import type { Terminal } from './terminal.ts';

const LAG_EVERY_MS = 1_000;
// The mover looks for orders many times a second.
const LONELY_MS = 10_000;

/** Waits until all orders have ended, and tells of it: a table that lives on a screen, a line for each end in a pipe. */
export async function tellOrders(
  client: AdminClient,
  terminal: Terminal,
  begun: readonly OrderJson[],
  manner: 'told' | 'silent',
): Promise<readonly OrderJson[]> {
  const beganMs = performance.now();
  const isLive = manner === 'told' && isDrawable(terminal);
  const lines = openLiveLines(terminal);
  const printed = new Set<number>();
  const nextLag = openLagWatch(client, begun[0]?.feature);
  const warn = openLonelyWarning(terminal);
  const orders = await watchOrders(client, begun, async (now) => {
    const elapsedMs = performance.now() - beganMs;
    warn(now, elapsedMs);
    if (isLive && now.length > 0) lines.draw(drawProgress(terminal, now, elapsedMs, await nextLag()));
    if (manner === 'silent' || isLive) return;
    for (const one of now.filter((order) => hasEnded(order) && !printed.has(order.id))) {
      printed.add(one.id);
      printEnd(terminal, one);
    }
  });
  return orders;
}

/** A screen that can be drawn over. */
const isDrawable = (terminal: Terminal) => terminal.screen !== undefined && terminal.env.TERM !== 'dumb';

function openLagWatch(client: AdminClient, feature: string | undefined): () => Promise<Lag | undefined> {
  let lag: Lag | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (feature === undefined || performance.now() - askedMs < LAG_EVERY_MS) return lag;
    askedMs = performance.now();
    const { moves } = await client.get<{ moves: readonly MoveJson[] }>(
      `/api/moves?feature=${encodeURIComponent(feature)}`,
    );
    lag = moves[0] && readLag(moves[0]);
    return lag;
  };
}

/** Whoever waits for nobody should know. */
function openLonelyWarning({ err }: Terminal): (orders: readonly OrderJson[], elapsedMs: number) => void {
  let isTold = false;
  return (orders, elapsedMs) => {
    if (isTold || elapsedMs < LONELY_MS || orders.some(({ state }) => state !== 'waiting')) return;
    isTold = true;
    err(
      'No mover takes the orders: is there a gateway with FOLLOW_SLOT and LEGACY_DATABASE_URL? They go on waiting.\n',
    );
  };
}

function printEnd({ out, screen }: Terminal, order: OrderJson): void {
  const { state, detail, held_ms, rows } = order;
  if (screen) return out(`${nameTenant(order)}: ${state}. ${detail ?? ''}\n`);
  const cells = [
    state,
    nameTenant(order),
    order.order,
    held_ms?.toFixed(1) ?? '-',
    rows ?? '-',
    detail ?? '-',
  ];
  out(`${cells.join('\t')}\n`);
}

export function printSummary(terminal: Terminal, orders: readonly OrderJson[]): void {
  const [first] = orders;
  const ended = orders.filter(hasEnded);
  if (!first || ended.length === 0) return;
  const paint = openPaint(terminal);
  const failed = ended.filter(({ state }) => state === 'failed');
  const held = describeHeld(orders);
  const done = ended.length - failed.length;
  const sentence =
    `${done} of ${orders.length} done: ${nameOrder(first.order)} ${first.feature}, ${sumRows(orders).toLocaleString('en')} rows equal on both sides` +
    `${held ? `, writes held ${held}` : ''}.`;
  terminal.out(`${paint(failed.length > 0 ? 'yellow' : 'green', sentence)}\n`);
  if (failed.length > 0 && first.order !== 'verify')
    terminal.out(
      `${paint('dim', `The mover tries again, as the table says so. To stop it: banyan move pause ${first.feature}`)}\n`,
    );
  // The last ones are on the screen already.
  if (isDrawable(terminal) && failed.length <= MOST_FAILURES) return;
  for (const order of failed)
    terminal.out(`${paint('red', 'failed')}  ${nameTenant(order)}: ${order.detail ?? ''}\n`);
}
