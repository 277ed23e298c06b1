import type { MoveJson, OrderJson } from '../admin/move-shapes.ts';
import type { AdminClient } from './admin-client.ts';
import { isDrawable, openLiveLines } from './live-lines.ts';
import {
  describeHeld,
  drawProgress,
  MOST_FAILURES,
  nameOrder,
  nameTenant,
  sumRows,
} from './move-progress.ts';
import { hasEnded, watchOrders } from './order-watch.ts';
import { openPaint } from './paint.ts';
import type { Terminal } from './terminal.ts';

const LOOK_EVERY_MS = 1_000;
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
  const nextMove = openMoveWatch(client, begun[0]?.feature);
  let paused: MoveJson | undefined;
  const warn = openLonelyWarning(terminal);
  const orders = await watchOrders(client, begun, async (now) => {
    const elapsedMs = performance.now() - beganMs;
    warn(now, elapsedMs);
    // The last picture is one of the end.
    const move = await nextMove(now.every(hasEnded) ? 'now' : 'soon');
    const wish = isStuck(now, move) ? 'enough' : 'go on';
    if (wish === 'enough') paused = await nextMove('now');
    if (isLive && now.length > 0) lines.draw(drawProgress(terminal, now, elapsedMs, paused ?? move));
    if (manner === 'silent' || isLive) return wish;
    for (const one of now.filter((order) => hasEnded(order) && !printed.has(order.id))) {
      printed.add(one.id);
      printEnd(terminal, one);
    }
    return wish;
  });
  const open = orders.filter((order) => !hasEnded(order)).length;
  if (manner === 'told' && paused && open > 0) terminal.err(describeStop(paused, open));
  return orders;
}

const describeStop = ({ feature, paused_why }: MoveJson, open: number) =>
  `${open === 1 ? 'One order waits' : `${open} orders wait`}, as the move of ${feature} is paused${paused_why ? `: ${paused_why}` : '.'} To go on: banyan move resume ${feature}\n`;

/** A move that was paused meanwhile lets what is under way end, and begins nothing more. */
function isStuck(orders: readonly OrderJson[], move: MoveJson | undefined): boolean {
  const open = orders.filter((order) => !hasEnded(order));
  return move?.state === 'paused' && open.every(({ state, in_waves }) => state === 'waiting' && in_waves);
}

function openMoveWatch(
  client: AdminClient,
  feature: string | undefined,
): (when: 'now' | 'soon') => Promise<MoveJson | undefined> {
  let move: MoveJson | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  return async (when) => {
    const isEarly = when === 'soon' && performance.now() - askedMs < LOOK_EVERY_MS;
    if (feature === undefined || isEarly) return move;
    askedMs = performance.now();
    const { moves } = await client.get<{ moves: readonly MoveJson[] }>(
      `/api/moves?feature=${encodeURIComponent(feature)}`,
    );
    move = moves[0];
    return move;
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

export function printEnd({ out, screen }: Terminal, order: OrderJson): void {
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
  if (!first) return;
  const paint = openPaint(terminal);
  const failed = ended.filter(({ state }) => state === 'failed');
  const held = describeHeld(orders.flatMap(({ held_ms }) => held_ms ?? []));
  const open = orders.length - ended.length;
  const done = ended.length - failed.length;
  const sentence =
    `${done} of ${orders.length} done: ${nameOrder(first.order)} ${first.feature}, ${sumRows(orders).toLocaleString('en')} rows equal on both sides` +
    `${held ? `, writes held ${held}` : ''}.`;
  terminal.out(`${paint(failed.length > 0 ? 'yellow' : 'green', sentence)}\n`);
  if (failed.length > 0 && open === 0 && (first.order === 'hand_over' || first.order === 'hand_back'))
    terminal.out(
      `${paint('dim', `The mover tries again, as the table says so. To stop it: banyan move pause ${first.feature}`)}\n`,
    );
  // The last ones are on the screen already.
  if (isDrawable(terminal) && failed.length <= MOST_FAILURES) return;
  for (const order of failed)
    terminal.out(`${paint('red', 'failed')}  ${nameTenant(order)}: ${order.detail ?? ''}\n`);
}
