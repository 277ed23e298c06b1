// The hand-over as a machine of a few words, small enough that every order of events can be tried: two instances, movers that come and
// go, a database that knows owner, step and epoch, both streams, crashes, pauses and leases. What it says of an instance is what
// src/move/instance.ts and gate.ts do, of the mover hand-over.ts, of the database the migration "tenure".

type Side = 'L' | 'N';
type Step = 'settled' | 'holding' | 'switched';

/** A write of a user. `zombie`: nobody waits for it any more, but its side may still carry it out. */
type Write = {
  side: Side;
  at: 'asked' | 'zombie' | 'done' | 'acked' | 'gone';
  by: number;
  onL: boolean;
  onN: boolean;
  /** On its way to the other side: as the stream will judge it. */
  out: 'none' | 'forward' | 'back' | 'stranger';
};

type Instance = {
  isAlive: boolean;
  isTrusted: boolean;
  isLeased: boolean;
  owner: Side;
  step: Step;
  epoch: number;
  confirmed: number;
};

type Mover = { at: 'idle' | 'held' | 'level' | 'switched'; epoch: number };

export type World = {
  owner: Side;
  step: Step;
  epoch: number;
  rowEpoch: number;
  instances: Instance[];
  movers: Mover[];
  writes: Write[];
  handOversLeft: number;
  troublesLeft: number;
};

/** What the protocol leaves out, to see that the search would find it. */
export type Flaw =
  | 'none'
  | 'no_barrier'
  | 'confirms_with_writes_under_way'
  | 'acknowledges_without_a_lease'
  | 'trusts_what_it_read_before_it_attended'
  | 'two_movers_do_not_look_at_the_epoch'
  | 'no_catch_up';

export const BEGINNING = (writes: number, handOvers: number, troubles: number): World => ({
  owner: 'L',
  step: 'settled',
  epoch: 1,
  rowEpoch: 1,
  instances: [0, 1].map(() => ({
    isAlive: true,
    isTrusted: true,
    isLeased: true,
    owner: 'L' as const,
    step: 'settled' as const,
    epoch: 1,
    confirmed: 1,
  })),
  movers: [{ at: 'idle', epoch: 0 }],
  writes: Array.from({ length: writes }, () => ({
    side: 'L' as const,
    at: 'gone' as const,
    by: -1,
    onL: false,
    onN: false,
    out: 'none' as const,
  })),
  handOversLeft: handOvers,
  troublesLeft: troubles,
});

const OTHER: Readonly<Record<Side, Side>> = { L: 'N', N: 'L' };
// By hand: structuredClone takes ten times as long, and there are millions.
const copy = (world: World): World => ({
  ...world,
  instances: world.instances.map((one) => ({ ...one })),
  movers: world.movers.map((one) => ({ ...one })),
  writes: world.writes.map((one) => ({ ...one })),
});

/** Every world that can come next, each with the name of what happened. */
export function* next(world: World, flaw: Flaw): Iterable<readonly [string, World]> {
  yield* writesGoOn(world, flaw);
  yield* instancesGoOn(world, flaw);
  yield* streamsGoOn(world);
  yield* moversGoOn(world, flaw);
  if (world.troublesLeft > 0) yield* troubles(world, flaw);
}

function* writesGoOn(world: World, flaw: Flaw): Iterable<readonly [string, World]> {
  const free = world.writes.findIndex(({ by, at }) => by === -1 && at === 'gone');
  for (const [nr, one] of world.instances.entries()) {
    if (free < 0 || !one.isAlive || !one.isTrusted || one.step !== 'settled') continue;
    const after = copy(world);
    Object.assign(after.writes[free] ?? {}, { by: nr, side: one.owner, at: 'asked' });
    yield [`instance ${nr} lets a write in to ${one.owner}`, after];
  }
  for (const [nr, write] of world.writes.entries()) {
    if (write.at === 'asked' || write.at === 'zombie') {
      const after = copy(world);
      const its = after.writes[nr] as Write;
      const wasAsked = write.at === 'asked';
      // The fence of the new side is the database's own.
      if (write.side === 'N' && world.owner !== 'N') its.at = 'gone';
      else {
        its.at = wasAsked ? 'done' : 'gone';
        if (write.side === 'L') Object.assign(its, { onL: true, out: 'forward' });
        else Object.assign(its, { onN: true, out: 'back' });
      }
      yield [`write ${nr} is carried out on ${write.side}`, after];
    }
    if (write.at === 'done') {
      const its = world.instances[write.by] as Instance;
      if (!its.isAlive || (!its.isTrusted && flaw !== 'acknowledges_without_a_lease')) continue;
      const after = copy(world);
      (after.writes[nr] as Write).at = 'acked';
      yield [`write ${nr} is acknowledged`, after];
    }
  }
}

const isUnderWay = (world: World, nr: number) =>
  world.writes.some(({ by, at }) => by === nr && (at === 'asked' || at === 'done'));

function* instancesGoOn(world: World, flaw: Flaw): Iterable<readonly [string, World]> {
  for (const [nr, one] of world.instances.entries()) {
    if (!one.isAlive) continue;
    const isStale = one.epoch !== world.epoch || !one.isTrusted;
    if (isStale && (one.isLeased || flaw === 'trusts_what_it_read_before_it_attended')) {
      const after = copy(world);
      Object.assign(after.instances[nr] ?? {}, {
        owner: world.owner,
        step: world.step,
        epoch: world.epoch,
        isTrusted: true,
      });
      yield [`instance ${nr} reads the book`, after];
    }
    if (!one.isLeased) {
      const after = copy(world);
      (after.instances[nr] as Instance).isLeased = true;
      yield [`instance ${nr} attends`, after];
    }
    const isQuiet =
      one.step === 'settled' || !isUnderWay(world, nr) || flaw === 'confirms_with_writes_under_way';
    if (one.isLeased && one.isTrusted && one.confirmed < one.epoch && isQuiet) {
      const after = copy(world);
      (after.instances[nr] as Instance).confirmed = one.epoch;
      yield [`instance ${nr} confirms ${one.epoch}`, after];
    }
  }
}

/** Streams judge by the owner at the moment at which they arrive; what legacy says of rows that are not its own is a stranger's. */
function* streamsGoOn(world: World): Iterable<readonly [string, World]> {
  const due = world.writes.findIndex(({ out }) => out === 'forward' || out === 'back');
  if (due < 0) return;
  const after = copy(world);
  carry(after, after.writes[due] as Write);
  yield [`write ${due} reaches the other side`, after];
}

function carry(world: World, write: Write): void {
  if (write.out === 'back') Object.assign(write, { onL: true, out: 'none' });
  else if (write.out === 'forward' && world.owner === 'L') Object.assign(write, { onN: true, out: 'none' });
  else if (write.out === 'forward') write.out = 'stranger';
}

const isConfirmed = ({ instances }: World, epoch: number) =>
  instances.every(({ isLeased, confirmed }) => !isLeased || confirmed >= epoch);

function* moversGoOn(world: World, flaw: Flaw): Iterable<readonly [string, World]> {
  for (const [nr, mover] of world.movers.entries()) {
    const isMine = mover.epoch === world.rowEpoch || flaw === 'two_movers_do_not_look_at_the_epoch';
    if (
      mover.at === 'idle' &&
      nr === world.movers.length - 1 &&
      world.step === 'settled' &&
      world.handOversLeft > 0
    )
      yield [
        `mover ${nr} holds`,
        step(world, nr, 'held', { step: 'holding' }, { handOversLeft: world.handOversLeft - 1 }),
      ];
    if (mover.at === 'held' && (isConfirmed(world, mover.epoch) || flaw === 'no_barrier')) {
      const after = copy(world);
      (after.movers[nr] as Mover).at = 'level';
      // Both streams are drained, each to where its side was at this moment.
      if (flaw !== 'no_catch_up')
        for (const write of after.writes) if (write.out !== 'stranger') carry(after, write);
      yield [`mover ${nr} has brought both sides level`, after];
    }
    if (mover.at === 'held' || mover.at === 'level') {
      const after = isMine ? step(world, nr, 'idle', { step: 'settled' }) : stopped(world, nr);
      yield [`mover ${nr} gives up`, after];
    }
    if (mover.at === 'level')
      yield [
        `mover ${nr} switches`,
        isMine
          ? step(world, nr, 'switched', { step: 'switched', owner: OTHER[world.owner] })
          : stopped(world, nr),
      ];
    if (mover.at === 'switched' && (isConfirmed(world, mover.epoch) || !isMine))
      yield [
        `mover ${nr} settles`,
        isMine ? step(world, nr, 'idle', { step: 'settled' }) : stopped(world, nr),
      ];
  }
}

function step(
  world: World,
  nr: number,
  at: Mover['at'],
  row: Partial<Pick<World, 'owner' | 'step'>>,
  more: Partial<World> = {},
): World {
  const after = copy({ ...world, ...row, ...more, epoch: world.epoch + 1, rowEpoch: world.epoch + 1 });
  Object.assign(after.movers[nr] ?? {}, { at, epoch: at === 'idle' ? 0 : after.epoch });
  return after;
}

function stopped(world: World, nr: number): World {
  const after = copy(world);
  Object.assign(after.movers[nr] ?? {}, { at: 'idle', epoch: 0 });
  return after;
}

function* troubles(world: World, flaw: Flaw): Iterable<readonly [string, World]> {
  const troubled = () => ({ ...copy(world), troublesLeft: world.troublesLeft - 1 });
  for (const [nr, one] of world.instances.entries()) {
    if (!one.isAlive) continue;
    const crashed = troubled();
    Object.assign(crashed.instances[nr] ?? {}, { isAlive: false, isTrusted: false, isLeased: false });
    leaveZombies(crashed, nr);
    yield [`instance ${nr} is killed, and its lease ends`, crashed];
    if (!one.isLeased) continue;
    // It stops to act on what it knew before the others stop to wait for it.
    const lost = troubled();
    Object.assign(lost.instances[nr] ?? {}, { isTrusted: false, isLeased: false });
    if (flaw !== 'acknowledges_without_a_lease') leaveZombies(lost, nr);
    yield [`instance ${nr} cannot be reached until its lease ends`, lost];
  }
  if (world.movers.length < 2) {
    const after = troubled();
    // The one before may be dead, or only believe that it still leads.
    const isDirty = world.step !== 'settled';
    const epoch = isDirty ? world.epoch + 1 : world.epoch;
    Object.assign(after, { step: 'settled', epoch, rowEpoch: isDirty ? epoch : world.rowEpoch });
    after.movers.push({ at: 'idle', epoch: 0 });
    yield ['another mover takes over and tidies up', after];
  }
}

/** A write that is no longer waited for is not acknowledged, and may be carried out all the same. */
function leaveZombies(world: World, nr: number): void {
  for (const write of world.writes) {
    if (write.by !== nr) continue;
    if (write.at === 'asked') write.at = 'zombie';
    if (write.at === 'done') write.at = 'gone';
  }
}

/** What is wrong with a world; undefined where nothing is. */
export function findFault(world: World): string | undefined {
  const sides = new Set(
    world.instances.flatMap(({ isAlive, isTrusted, step: known, owner }) =>
      isAlive && isTrusted && known === 'settled' ? [owner] : [],
    ),
  );
  if (sides.size > 1) return 'two owners accept writes at the same time';
  for (const [nr, write] of world.writes.entries()) {
    if (write.at !== 'acked') continue;
    if (write.out === 'stranger') return `write ${nr} was acknowledged and will never be on the owner's side`;
    const isThere = world.owner === 'L' ? write.onL : write.onN;
    const willBe = world.owner === 'L' ? write.out === 'back' : write.out === 'forward' && write.onN;
    if (!isThere && !willBe) return `write ${nr} was acknowledged and is not on the owner's side`;
  }
  return undefined;
}

export type Search = Readonly<{ worlds: number; fault: string | undefined; story: readonly string[] }>;

/** Breadth first, so that the story of a fault is one of the shortest. */
export function search(beginning: World, flaw: Flaw): Search {
  const seen = new Map<string, readonly [from: string, event: string] | undefined>();
  let front: World[] = [beginning];
  seen.set(JSON.stringify(beginning), undefined);
  while (front.length > 0) {
    const further: World[] = [];
    for (const world of front) {
      const key = JSON.stringify(world);
      for (const [event, after] of next(world, flaw)) {
        const name = JSON.stringify(after);
        if (seen.has(name)) continue;
        seen.set(name, [key, event]);
        const fault = findFault(after);
        if (fault !== undefined) return { worlds: seen.size, fault, story: tellStory(seen, name) };
        further.push(after);
      }
    }
    front = further;
  }
  return { worlds: seen.size, fault: undefined, story: [] };
}

function tellStory(
  seen: ReadonlyMap<string, readonly [string, string] | undefined>,
  end: string,
): readonly string[] {
  const story: string[] = [];
  for (let step = seen.get(end); step !== undefined; step = seen.get(step[0])) story.unshift(step[1]);
  return story;
}
