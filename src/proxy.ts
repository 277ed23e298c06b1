// The corridor: the order of the rooms, nothing else. Read `pass` aloud and you know what happens to a request.
import { type Learned, type Reception, runWithinDeadline, Visit } from './accept/index.ts';
import type { Admit } from './admit/index.ts';
import type { Decide, Match } from './decide/index.ts';
import type { Defend, Stay } from './defend/index.ts';
import type { Forward } from './forward/index.ts';
import type { Handle } from './handle/index.ts';
import type { Mirror } from './mirror/index.ts';
import type { Gate } from './move/index.ts';
import { type Caller, type Emit, type Failure, fail, isFailure, type Outcome } from './vocabulary/index.ts';

export type Rooms = Readonly<{
  admit: Admit;
  decide: Decide;
  defend: Defend;
  forward: Forward;
  handle: Handle;
  mirror: Pick<Mirror, 'watch'>;
  gate: Pick<Gate, 'enter'>;
  emit: Emit;
  maxBodyBytes: number;
}>;

export function openCorridor(rooms: Rooms): Required<Reception> {
  const walk = async (visit: Visit) => {
    let outcome: Outcome;
    try {
      outcome = await pass(rooms, visit);
    } catch (error) {
      outcome = confessBug(rooms.emit, error);
    }
    try {
      visit.end(outcome);
    } catch (error) {
      confessBug(rooms.emit, error);
      visit.abandon();
    } finally {
      visit.watched?.ended(outcome);
    }
  };
  return {
    request: (req, res) => walk(new Visit(rooms.emit, { kind: 'request', req, res })),
    plain: (req, res) => walk(new Visit(rooms.emit, { kind: 'plain', req, res })),
    upgrade: (req, socket, head) => walk(new Visit(rooms.emit, { kind: 'upgrade', req, socket, head })),
  };
}

async function pass(rooms: Rooms, visit: Visit): Promise<Outcome> {
  const table = rooms.decide.pin();
  const arrival = rooms.defend.refuseWork() ?? rooms.admit.receive(visit.req, table.tenants);
  if (isFailure(arrival)) return refuseAtDoor(rooms, visit, arrival);
  visit.noteArrival(arrival);

  const match = rooms.decide.match(table, arrival.method, arrival.path);
  visit.noteRoute(match.row?.id, match.row?.stage);
  const caller = await rooms.admit.identify(arrival, match.admit);
  if (visit.isGone) return { kind: 'abandoned' };
  if (isFailure(caller)) return refuse(caller);
  const held = visit.maySkipGate(match) ? undefined : await awaitTurn(rooms, visit, match, caller);
  if (visit.isGone) return { kind: 'abandoned' };
  if (held) return refuse(held);

  const tooLarge = visit.openBody(rooms.maxBodyBytes);
  if (tooLarge) return refuse(tooLarge);
  const decision = rooms.decide.decide(table, match, caller, arrival);
  const learned = { arrival, caller, decision };
  visit.noteDecision(learned, table);
  visit.watched = rooms.mirror.watch(learned);
  if (decision.side === 'legacy') return await guardLegacy(rooms, visit, learned);

  const bid = visit.bidFor('new', learned);
  const outcome = await rooms.defend.guard(bid, (stay) => askNew(rooms, visit, learned, stay));
  if (!visit.mayFallBack(outcome)) return outcome;
  visit.noteFallback(outcome.failure);
  visit.watched?.giveUp();
  return guardLegacy(rooms, visit, learned);
}

/** A write waits here while its tenant's rows change their owner; it keeps its turn until it has ended. */
async function awaitTurn(
  { gate }: Rooms,
  visit: Visit,
  { row }: Match,
  { tenant }: Caller,
): Promise<Failure | undefined> {
  if (row?.feature === undefined || tenant === undefined) return undefined;
  const manner = visit.way.kind === 'upgrade' ? 'stream' : 'request';
  const turn = await gate.enter({ tenant, feature: row.feature, manner, cut: visit.cutShort });
  if (isFailure(turn)) return turn;
  visit.turn = turn;
  return undefined;
}

function guardLegacy(rooms: Rooms, visit: Visit, learned: Learned): Promise<Outcome> {
  const bid = visit.bidFor('legacy', learned);
  return rooms.defend.guard(bid, (stay) => askLegacy(rooms, visit, learned, stay));
}

function askLegacy(
  { admit, defend, forward }: Rooms,
  visit: Visit,
  { arrival, caller, decision }: Learned,
  stay: Stay,
): Promise<Outcome> {
  const { way } = visit;
  const ask = {
    arrival,
    identity: admit.identity(arrival, caller, 'legacy'),
    added: visit.addedHeaders('legacy'),
    timeoutMs: decision.timeoutMs,
    noteCookies: (cookies: readonly string[]) => admit.noteCookies(arrival, caller, cookies),
    tap: visit.watched?.tap,
    answerBegan: stay.answerBegan,
    mayRetry: () => defend.mayRetry() && visit.noteRetry(),
  };
  if (way.kind !== 'upgrade') return forward.answer(ask, way.req, way.res);
  return forward.upgrade(ask, way.req, way.socket, way.head, visit.refuse);
}

async function askNew(
  { admit, handle }: Rooms,
  visit: Visit,
  { arrival, caller, decision }: Learned,
  stay: Stay,
): Promise<Outcome> {
  const way = await visit.takeNodesWay();
  if (way === undefined) return { kind: 'abandoned' };
  visit.setHeaders(visit.addedHeaders('new'));
  // The handshake is soon over; its socket has a place for as long as it lives.
  if (way.kind === 'upgrade') stay.keepUntil(visit.untilClosed());
  const outcome =
    way.kind === 'request'
      ? await runWithinDeadline({ ...way, timeoutMs: decision.timeoutMs }, (signal) =>
          handle.answer(
            { arrival, caller, decision, signal, tap: visit.watched?.tap, ...stay },
            way.req,
            way.res,
          ),
        )
      : await handle.upgrade(
          { arrival, caller, decision, added: visit.addedHeaders('new') },
          way.req,
          way.socket,
          way.head,
        );
  admit.noteCookies(arrival, caller, visit.cookies());
  return outcome;
}

function refuseAtDoor({ admit }: Rooms, visit: Visit, failure: Failure): Outcome {
  visit.noteRequestId(admit.takeRequestId(visit.req.rawHeaders));
  return refuse(failure);
}

const refuse = (failure: Failure): Outcome => ({ kind: 'failed', failure });

function confessBug(emit: Emit, error: unknown): Outcome {
  emit({
    type: 'bug',
    where: 'corridor',
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return refuse(fail('internal_error', { retrySafe: false }));
}
