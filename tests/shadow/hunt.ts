import { setTimeout as wait } from 'node:timers/promises';
import type { Handle } from '../../src/handle/index.ts';
import type { AlterHandle } from '../../src/shadow.ts';
import { rehearseHere } from '../support/rehearsals-here.ts';
import type { PlantedBug, Step } from './planted-bug.ts';
import { type ShadowHouse, startShadowHouse } from './shadow-house.ts';
import { isWrite, openVisitors, type Seen, type Shot } from './shot.ts';
import { openTraffic, type Traffic } from './traffic.ts';

/** What came of looking for one planted bug. */
export type Hunt = Readonly<{
  bug: PlantedBug;
  /** Sampled requests up to the one that showed it; undefined: none did. */
  needed: number | undefined;
  /** The ledger has a group at the expected path of the expected kind, and it counts. */
  isNamed: boolean;
  /** Groups that count where nothing was planted. */
  strays: readonly string[];
  /** Every group that was found. */
  groups: readonly string[];
  /** Why copies of the bug's route were not compared, each time. */
  notCompared: readonly string[];
}>;

export type HuntingGround = Readonly<{ hunt(bug: PlantedBug): Promise<Hunt>; close(): Promise<void> }>;

const MOST_REQUESTS = 200;
const TENANTS = 10;
/** Ordinary requests go to these tenants, and the bug is provoked at the others, some at a time: as everywhere, most tenants are quiet. */
const BUSY = 2;
const PROVOKED_AT_ONCE = 2;
/** Sent before the bug is provoked, and again meanwhile. */
const ORDINARY = 3;
/** Writes of one tenant that follow one another at once cannot be told apart for certain. */
const PAUSE_MS = 1_200;

/** One house for all hunts: gateway, legacy, store and ledger as in earnest, rehearsals in this process. */
export async function openHuntingGround(): Promise<HuntingGround> {
  const spoilt = openSwitch();
  const shadow = await startShadowHouse(TENANTS, {
    startRehearsals: rehearseHere(spoilt.alter),
    // Everything happens in one process here, so its event loop is never calm.
    env: { MIRROR_LAG_MS: '10000' },
  });
  const visitors = openVisitors(shadow.house.gatewayPort);
  const hunter = new Hunter(shadow, (shot, id) => visitors.send(shot, id));
  return {
    hunt: async (bug) => {
      await shadow.clearLedger();
      spoilt.plant(bug.alter);
      return hunter.hunt(bug).finally(() => spoilt.plant(undefined));
    },
    close: async () => {
      visitors.close();
      await shadow.house.close();
    },
  };
}

/** Handlers that can be exchanged while the house is open. */
function openSwitch() {
  let real: Handle | undefined;
  let current: Handle | undefined;
  const alter: AlterHandle = (handle) => {
    real = handle;
    current = handle;
    return { ...handle, answer: (request, req, res) => (current ?? handle).answer(request, req, res) };
  };
  return {
    alter,
    plant: (planted: AlterHandle | undefined) => {
      current = real && planted ? planted(real) : real;
    },
  };
}

type Send = (shot: Shot, requestId: string) => Promise<Seen>;

class Hunter {
  readonly #shadow: ShadowHouse;
  readonly #send: Send;
  readonly #traffic: Traffic;
  readonly #quiet: readonly string[];
  #hunts = 0;
  #turn = 0;
  #sent: string[] = [];

  constructor(shadow: ShadowHouse, send: Send) {
    this.#shadow = shadow;
    this.#send = send;
    this.#traffic = openTraffic({ seed: 'hunt', tenants: shadow.tenants.slice(0, BUSY) });
    this.#quiet = shadow.tenants.slice(BUSY);
  }

  async hunt(bug: PlantedBug): Promise<Hunt> {
    this.#hunts += 1;
    this.#sent = [];
    for (let needed: number | undefined; ; ) {
      await this.#runRound(bug);
      await this.#shadow.settle();
      needed = this.#countUntilFound(bug);
      if (needed !== undefined || this.#sent.length >= MOST_REQUESTS) return this.#report(bug, needed);
    }
  }

  async #runRound(bug: PlantedBug): Promise<void> {
    const provoke = Array.from({ length: PROVOKED_AT_ONCE }, () => {
      this.#turn += 1;
      const [nr, tenant = ''] = [this.#turn, this.#quiet[this.#turn % this.#quiet.length]];
      return () => this.#walk(bug.ask(tenant, nr));
    });
    await this.#runOrdinary();
    await Promise.all([this.#runOrdinary(), ...provoke.map((walk) => walk())]);
  }

  async #runOrdinary(): Promise<void> {
    for (let i = 0; i < ORDINARY; i += 1) {
      const shot = this.#traffic.next();
      this.#traffic.learn(shot, await this.#ask(shot));
    }
  }

  async #walk(steps: readonly Step[]): Promise<void> {
    const seen: Seen[] = [];
    for (const [i, step] of steps.entries()) {
      const shot = typeof step === 'function' ? step(seen) : step;
      if (i > 0 && isWrite(shot)) await wait(PAUSE_MS);
      seen.push(await this.#ask(shot));
    }
  }

  #ask(shot: Shot): Promise<Seen> {
    const id = `hunt-${this.#hunts}-${this.#sent.length + 1}`.padEnd(8, '-');
    this.#sent.push(id);
    return this.#send(shot, id);
  }

  /** How many of the requests that were sampled had been sent when the bug was first seen. */
  #countUntilFound({ expects }: PlantedBug): number | undefined {
    const { told } = this.#shadow.verdicts;
    const sampled = new Set(told.map(({ requestId }) => requestId));
    const showing = new Set(
      told
        .filter(
          ({ routeId, verdict, paths }) =>
            verdict === 'different' && routeId === expects.route && paths.includes(expects.path),
        )
        .map(({ requestId }) => requestId),
    );
    const inOrder = this.#sent.filter((id) => sampled.has(id));
    const place = inOrder.findIndex((id) => showing.has(id));
    return place < 0 ? undefined : place + 1;
  }

  async #report(bug: PlantedBug, needed: number | undefined): Promise<Hunt> {
    const { expects } = bug;
    const groups = (await this.#shadow.readLedger()).flatMap(({ groups }) => groups);
    const counted = groups.filter(({ counts }) => counts);
    return {
      bug,
      needed,
      isNamed: counted.some(
        ({ route, path, kind }) => route === expects.route && path === expects.path && kind === expects.kind,
      ),
      strays: counted.filter(({ route }) => route !== expects.route).map(tellGroup),
      groups: groups.map(tellGroup),
      notCompared: this.#shadow.verdicts.told.flatMap(({ routeId, reason }) =>
        routeId === expects.route && reason !== undefined ? [reason] : [],
      ),
    };
  }
}

const tellGroup = ({ route, path, kind, types }: Record<'route' | 'path' | 'kind' | 'types', string>) =>
  `${route} ${path} ${kind} (${types})`;
