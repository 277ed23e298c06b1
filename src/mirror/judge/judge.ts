import {
  type Asked,
  type DiffLedger,
  type Emit,
  type Failure,
  isFailure,
  type KeptSample,
  type LedgerEntry,
  type MirrorRules,
  type Replayed,
  type Revealed,
  type RouteId,
  type RowFollower,
  type RowJournal,
  type SideAnswer,
  type TenantName,
} from '../../vocabulary/index.ts';
import { nowMs } from '../clock.ts';
import { type FoundDifference, isNoise } from '../compare/index.ts';
import type { Copy } from '../copy.ts';
import { openFence } from './fence.ts';
import { type Difference, type Finding, notCompared } from './finding.ts';
import { LedgerWriter } from './ledger-writer.ts';
import { NoiseBook } from './noise-book.ts';
import { askControl, judgeRead, nameFailure, type ReadParts } from './read.ts';
import type { RunNew } from './rehearse.ts';
import { replaySample } from './replay.ts';
import type { SampleMaker } from './sample.ts';
import { Settled } from './settled.ts';
import { judgeWrite, type WriteParts } from './write.ts';

export type JudgeWish = Readonly<{
  runNew: RunNew;
  askLegacy(asked: Asked): Promise<SideAnswer | Failure>;
  wasAlone(tenant: TenantName, fromMs: number, toMs: number): Promise<boolean>;
  follower: RowFollower | undefined;
  journal: RowJournal;
  ledger: DiffLedger;
  samples: SampleMaker;
  emit: Emit;
  /** One rehearsal's time. */
  timeoutMs: number;
  bodyBytes: number;
  /** How long legacy's rows may take to arrive. */
  catchUpMs: number;
  /** Share of the same reads for which legacy is asked twice: 0 to 1. */
  controlShare: number;
}>;

export type Judge = Readonly<{
  /** Compares, puts it on record, tells. Never rejects. */
  judge(copy: Copy): Promise<void>;
  record(entries: readonly LedgerEntry[]): void;
  replay(samples: readonly KeptSample[]): Promise<readonly Replayed[]>;
  reveal(sample: KeptSample): readonly Revealed[] | undefined;
  /** Puts on record what is not yet. */
  flush(): Promise<void>;
}>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** A route's first comparisons all ask legacy twice: noise is learned before it can be mistaken. */
const FIRST_CONTROLS = 10;
const MOST_PATHS_TOLD = 10;

export function openJudge(wish: JudgeWish): Judge {
  return new Desk(wish);
}

class Desk implements Judge {
  readonly #wish: JudgeWish;
  readonly #noise: NoiseBook;
  readonly #writer: LedgerWriter;
  readonly #read: ReadParts;
  readonly #write: WriteParts;
  readonly #controls = new Map<RouteId, number>();
  readonly #settled = new Settled();

  constructor(wish: JudgeWish) {
    const { follower, journal, runNew, timeoutMs, bodyBytes } = wish;
    this.#wish = wish;
    this.#noise = new NoiseBook(wish.ledger);
    this.#writer = new LedgerWriter(wish.ledger);
    const rehearsals = { runNew, timeoutMs, bodyBytes };
    const fence = openFence({ follower, journal, timeoutMs: wish.catchUpMs });
    this.#read = { fence, rehearsals, askLegacy: wish.askLegacy };
    this.#write = { fence, rehearsals, wasAlone: wish.wasAlone };
  }

  async judge(copy: Copy): Promise<void> {
    const { route, mirror } = copy.asked.decision;
    const { tenant } = copy.asked.caller;
    if (route === undefined || mirror === undefined || tenant === undefined) return;
    const finding = await this.#find(copy, tenant, route, mirror).catch((error: unknown) =>
      this.#confess(error),
    );
    // What cannot be put on record as it is, is put on record as our own failure.
    await this.#putOnRecord(copy.asked, route, mirror, finding).catch((error: unknown) =>
      this.#putOnRecord(copy.asked, route, mirror, this.#confess(error)),
    );
    if (finding.kind === 'same' && copy.primary === 'legacy' && SAFE.has(copy.asked.arrival.method))
      await this.#control(copy, tenant, route, mirror).catch((error: unknown) => this.#confess(error));
  }

  record(entries: readonly LedgerEntry[]): void {
    for (const entry of entries) this.#writer.add(entry);
  }

  /** One after the other: nobody waits so impatiently that users' requests should be held up. */
  async replay(samples: readonly KeptSample[]): Promise<readonly Replayed[]> {
    const results: Replayed[] = [];
    for (const sample of samples) {
      const result = await replaySample(sample, this.#wish.samples, async (asked, tenant, route, rules) => {
        const legacy = await this.#wish.askLegacy(asked);
        if (isFailure(legacy)) return notCompared(nameFailure(legacy));
        return this.#judgeRead(asked, tenant, route, rules, legacy, undefined);
      });
      results.push(result);
    }
    return results;
  }

  reveal(sample: KeptSample): readonly Revealed[] | undefined {
    return this.#wish.samples.reveal(sample);
  }

  flush(): Promise<void> {
    return this.#writer.flush();
  }

  async #find(copy: Copy, tenant: TenantName, route: RouteId, rules: MirrorRules): Promise<Finding> {
    const { asked, answer, primary } = copy;
    if (primary === 'new') {
      const obstacle = await this.#read.fence.check(tenant, asked.decision.tables);
      if (obstacle) return notCompared(obstacle);
      const legacy = await this.#wish.askLegacy(asked);
      if (isFailure(legacy)) return notCompared(nameFailure(legacy));
      return this.#judgeRead(asked, tenant, route, rules, legacy, answer);
    }
    if (SAFE.has(asked.arrival.method))
      return this.#judgeRead(asked, tenant, route, rules, answer, undefined);
    return judgeWrite(this.#write, { asked, tenant, rules, legacy: answer });
  }

  async #judgeRead(
    asked: Asked,
    tenant: TenantName,
    route: RouteId,
    rules: MirrorRules,
    legacy: SideAnswer,
    answered: SideAnswer | undefined,
  ): Promise<Finding> {
    const atMs = nowMs();
    const known = await this.#noise.of(route, atMs);
    const isSettled = (one: FoundDifference) => this.#settled.has(route, one, atMs);
    const found = await judgeRead(this.#read, { asked, tenant, rules, legacy, answered, known, isSettled });
    if (found.kind === 'different') this.#settled.note(route, found, atMs);
    return found;
  }

  /** Legacy is asked twice for a share of the reads that were the same: that is how noise is learned before it matters. */
  async #control(
    { asked, answer }: Copy,
    tenant: TenantName,
    route: RouteId,
    rules: MirrorRules,
  ): Promise<void> {
    const times = this.#controls.get(route) ?? 0;
    if (times >= FIRST_CONTROLS && Math.random() >= this.#wish.controlShare) return;
    this.#controls.set(route, times + 1);
    const paths = await askControl(this.#read, { asked, tenant, rules, legacy: answer });
    if (paths) await this.#noise.learn(route, paths, nowMs());
  }

  async #putOnRecord(asked: Asked, route: RouteId, rules: MirrorRules, finding: Finding): Promise<void> {
    const atMs = nowMs();
    switch (finding.kind) {
      case 'same':
        this.#writer.add({ atMs, route, verdict: 'same' });
        return this.#tell(asked, route, 'same', undefined, []);
      case 'not_compared':
        this.#writer.add({ atMs, route, verdict: 'not_compared', reason: finding.reason });
        return this.#tell(asked, route, 'not_compared', finding.reason, []);
      case 'different':
        return this.#recordDifference(asked, route, rules, finding, atMs);
    }
  }

  async #recordDifference(
    asked: Asked,
    route: RouteId,
    rules: MirrorRules,
    found: Difference,
    atMs: number,
  ): Promise<void> {
    await this.#noise.learn(route, found.noisy, atMs);
    const known = await this.#noise.of(route, atMs);
    const entry = this.#wish.samples.describe(asked, route, rules, found);
    const paths = entry.differences.map(({ path }) => path);
    const noisy = paths.filter((path) => isNoise(path, new Set(found.noisy)) || isNoise(path, known));
    this.#writer.add({ atMs, route, verdict: 'different', ...entry, noisy });
    const real = paths.filter((path) => !noisy.includes(path));
    this.#tell(asked, route, real.length > 0 ? 'different' : 'same', undefined, real);
  }

  #tell(
    { arrival }: Asked,
    routeId: RouteId,
    verdict: 'same' | 'different' | 'not_compared',
    reason: Extract<Finding, { kind: 'not_compared' }>['reason'] | undefined,
    paths: readonly string[],
  ): void {
    const { requestId } = arrival;
    this.#wish.emit({
      type: 'mirror_verdict',
      routeId,
      requestId,
      verdict,
      reason,
      paths: [...new Set(paths)].slice(0, MOST_PATHS_TOLD),
    });
  }

  /** A bug of ours is told, and is nobody's difference. Its message is not: it may quote a value. */
  #confess(error: unknown): Finding {
    const where =
      error instanceof Error
        ? `${error.name} ${(error.stack ?? '')
            .split('\n')
            .filter((line) => line.startsWith('    at '))
            .slice(0, 6)
            .join('\n')}`
        : typeof error;
    this.#wish.emit({ type: 'bug', where: 'mirror', error: where });
    return notCompared('shadow_failed');
  }
}
