import { setTimeout as wait } from 'node:timers/promises';
import type { MoveJson, MovesJson, OrderJson } from '../admin/move-shapes.ts';
import type { AdminClient } from './admin-client.ts';
import { isDrawable, openLiveLines } from './live-lines.ts';
import { drawMove } from './move-picture.ts';
import { isAtRest, openPace, readStanding } from './move-standing.ts';
import { printEnd } from './order-telling.ts';
import { hasEnded } from './order-watch.ts';
import { CommandRefusal, type Terminal } from './terminal.ts';

const LOOK_MS = 1_000;
/** A gateway that is started anew is back by then. */
const PATIENCE_MS = 30_000;

type Look = Readonly<{ moves: readonly MoveJson[]; leftMs(move: MoveJson): number | undefined }>;

/** Shows how moves go until all is as the table says: a table that lives on a screen, lines in a pipe, or JSON, one object a line. */
export async function watchMoves(
  client: AdminClient,
  terminal: Terminal,
  ask: Readonly<{ feature: string | undefined; manner: 'told' | 'json' }>,
  lookMs = LOOK_MS,
): Promise<void> {
  const path =
    ask.feature === undefined ? '/api/moves' : `/api/moves?feature=${encodeURIComponent(ask.feature)}`;
  const pace = openPace(() => performance.now());
  const show = openShow(terminal, ask.manner);
  for (;;) {
    const { moves } = await askPatiently(client, terminal, path, lookMs);
    const left = new Map(moves.map((move) => [move.feature, pace(move, readStanding(move))]));
    show({ moves, leftMs: ({ feature }) => left.get(feature) });
    if (moves.every(isAtRest)) return;
    await wait(lookMs);
  }
}

async function askPatiently(
  client: AdminClient,
  { err }: Terminal,
  path: string,
  lookMs: number,
): Promise<MovesJson> {
  const sinceMs = performance.now();
  for (let told = false; ; told = true) {
    try {
      return await client.get<MovesJson>(path);
    } catch (error) {
      // A refusal of the gateway's own has a code; who is not there has none.
      const isAway = error instanceof CommandRefusal && Reflect.get(error.json, 'code') === undefined;
      if (!isAway || performance.now() - sinceMs > PATIENCE_MS) throw error;
      if (!told) err(`${error.message} Looking again …\n`);
      await wait(lookMs);
    }
  }
}

function openShow(terminal: Terminal, manner: 'told' | 'json'): (look: Look) => void {
  if (manner === 'json') return openJsonLines(terminal);
  return isDrawable(terminal) ? openScreen(terminal) : openPlainLines(terminal);
}

function openScreen(terminal: Terminal): (look: Look) => void {
  const lines = openLiveLines(terminal);
  return ({ moves, leftMs }) =>
    lines.draw(
      moves.length === 0
        ? ['Nothing is being moved. Begin: banyan move start FEATURE']
        : moves.flatMap((move, at) => [...(at > 0 ? [''] : []), ...drawMove(terminal, move, leftMs(move))]),
    );
}

/** A line for each end of an order, and one for each move whenever it stands otherwise than before. */
function openPlainLines(terminal: Terminal): (look: Look) => void {
  const news = openNews();
  return ({ moves, leftMs }) => {
    for (const move of moves) {
      for (const order of news.listEnds(move)) printEnd(terminal, order);
      const line = listCells(move).join('\t');
      if (news.isNew(move.feature, line)) terminal.out(`progress\t${line}\t${printLeft(leftMs(move))}\n`);
    }
  };
}

const printLeft = (ms: number | undefined) => (ms === undefined ? '-' : String(Math.round(ms)));

function listCells(move: MoveJson): readonly (string | number)[] {
  const { feature, state, paused_why, wave } = move;
  const { wanted, owned, back, waiting, running, failed, rows, lines, oldestMs } = readStanding(move);
  return [
    feature,
    state,
    owned,
    wanted,
    back,
    wave?.wave ?? '-',
    wave ? wave.done + wave.failed : '-',
    wave?.tenants ?? '-',
    waiting,
    running.length,
    failed.length,
    rows,
    lines,
    Math.round(oldestMs),
    paused_why ?? '-',
  ];
}

function openJsonLines({ out }: Terminal): (look: Look) => void {
  const news = openNews();
  return ({ moves, leftMs }) => {
    for (const move of moves) {
      const ended = news.listEnds(move);
      const told = describeJson(move);
      if (news.isNew(move.feature, JSON.stringify(told)) || ended.length > 0)
        out(
          `${JSON.stringify({ at: new Date().toISOString(), ...told, left_ms: leftMs(move) ?? null, ended })}\n`,
        );
    }
  };
}

function describeJson(move: MoveJson): object {
  const { feature, state, paused_why, limits, wave } = move;
  const { wanted, owned, back, waiting, running, failed, rows, lines, oldestMs } = readStanding(move);
  return {
    feature,
    state,
    paused_why,
    limits,
    wave,
    tenants: { wanted, owned, back, waiting },
    running: running.map(({ tenant }) => tenant),
    failed: failed.map(({ tenant, order }) => ({ tenant, attempt: order?.attempt, detail: order?.detail })),
    rows,
    lag: { lines, oldest_ms: oldestMs },
  };
}

/** What has not been told yet. Ends from before the first look are no news. */
function openNews() {
  const told = new Map<string, string>();
  const ended = new Map<string, Set<number>>();
  return {
    isNew(feature: string, text: string): boolean {
      const isNew = told.get(feature) !== text;
      told.set(feature, text);
      return isNew;
    },
    listEnds({ feature, tenants }: MoveJson): readonly OrderJson[] {
      const known = ended.get(feature);
      const all = tenants.flatMap(({ order }) => (order && hasEnded(order) ? [order] : []));
      ended.set(feature, new Set([...(known ?? []), ...all.map(({ id }) => id)]));
      return known === undefined ? [] : all.filter(({ id }) => !known.has(id));
    },
  };
}
