import type {
  Emit,
  MoveLook,
  MoveStanding,
  ProofRecord,
  ProofState,
  TenureBook,
} from '../vocabulary/index.ts';

export type CensusWish = Readonly<{
  tenures: Pick<TenureBook, 'news'>;
  moveLook: Pick<MoveLook, 'standings' | 'proofs'>;
  tenants: () => Promise<readonly unknown[]>;
  /** Whether there is anything to count. */
  isMoving: () => boolean;
  emit: Emit;
  everyMs?: number;
}>;

const EVERY_MS = 10_000;

/** Counts how moves stand, for metrics: with 400 tenants that the new side owns some 80 ms of the database. */
export function openCensus({ everyMs = EVERY_MS, ...wish }: CensusWish): Readonly<{ close(): void }> {
  let isAtWork = false;
  const timer = setInterval(() => {
    if (isAtWork || !wish.isMoving()) return;
    isAtWork = true;
    // A store that is away is told of elsewhere.
    count(wish)
      .catch(() => undefined)
      .finally(() => {
        isAtWork = false;
      });
  }, everyMs).unref();
  return { close: () => clearInterval(timer) };
}

async function count({ tenures, moveLook, tenants, emit }: CensusWish): Promise<void> {
  const { moves, changed } = await tenures.news(0);
  const all = await tenants();
  const standings = await moveLook.standings();
  const proofs = await moveLook.proofs();
  for (const { feature } of moves) {
    const held = changed.filter((one) => one.feature === feature && one.owner === 'new').length;
    emit({
      type: 'move_counted',
      feature,
      owners: { legacy: Math.max(0, all.length - held), new: held },
      ...addUp(standings.filter((one) => one.feature === feature)),
      ...countProofs(
        proofs.filter((one) => one.feature === feature),
        all.length,
      ),
    });
  }
}

function countProofs(proofs: readonly ProofRecord[], all: number) {
  const by = (state: ProofState) => proofs.filter((one) => one.state === state).length;
  const oldest = Math.min(Date.now(), ...proofs.map(({ checkedAt }) => checkedAt.getTime()));
  return {
    proofs: {
      equal: by('equal'),
      different: by('different'),
      failed: by('failed'),
      never: Math.max(0, all - proofs.length),
    },
    oldestProofMs: Date.now() - oldest,
  };
}

function addUp(standings: readonly MoveStanding[]) {
  return {
    lines: standings.reduce((sum, { waiting }) => sum + waiting.lines, 0),
    oldestMs: Math.max(0, ...standings.map(({ waiting }) => waiting.oldestMs)),
    strangers: standings.reduce((sum, one) => sum + one.strangers, 0),
  };
}
