import type pg from 'pg';
import type { MoverBook, ProofStore } from '../store/index.ts';
import type { Emit, ProofRecord, RowFollower, Side } from '../vocabulary/index.ts';
import type { HandOverTask, Manner, Verified } from './hand-over.ts';
import { type Returning, ReturnTrouble } from './return/index.ts';
import { describeProof, type Proof, VerifyTrouble, verifyTenant } from './verify/index.ts';

export type ProverWish = Readonly<{
  legacy: pg.Pool;
  store: Readonly<{ proof: ProofStore; mover: Pick<MoverBook, 'noteProof'> }>;
  follower: Pick<RowFollower, 'catchUp'>;
  emit: Emit;
}>;

/** Where a tenant's rows are. */
export type Place = Readonly<{ schema: string; back: Pick<Returning, 'drain'>; owner: Side }>;

export type ProofTask = Pick<HandOverTask, 'tenant' | 'feature' | 'tables'>;

/** Compares a tenant's rows on both sides, and notes how each look has ended: for whoever asks later, and told where it is another end than before. */
export class Prover {
  readonly #wish: ProverWish;

  constructor(wish: ProverWish) {
    this.#wish = wish;
  }

  /** Throws what `verifyTenant` throws; what was called off is not noted. */
  async verify(place: Place, task: ProofTask, manner: Manner, signal: AbortSignal): Promise<Verified> {
    const { tenant, feature } = task;
    try {
      const proof = await this.#prove(place, task, manner, signal);
      const detail = describeProof(proof);
      const noted = this.note({ tenant, feature, state: proof.kind, rows: proof.rows, detail });
      // While writes are held nobody waits for it.
      if (manner.kind === 'live') await noted;
      return proof.kind === 'equal'
        ? { kind: 'equal', rows: proof.rows, since: proof.since, apart: listApart(proof) }
        : { kind: 'different', detail };
    } catch (error) {
      if (!signal.aborted && isAboutRows(error))
        await this.note({ tenant, feature, state: 'failed', rows: undefined, detail: error.message });
      throw error;
    }
  }

  /** Never rejects: what was proven holds without the note. */
  async note(proof: Omit<ProofRecord, 'checkedAt'>): Promise<void> {
    const { store, emit } = this.#wish;
    const { tenant, feature, state, detail } = proof;
    try {
      const before = await store.mover.noteProof(proof);
      if (state !== (before ?? 'equal'))
        emit({ type: 'proof_changed', tenant, feature, state, before, detail });
    } catch {
      // A store that is away is told of elsewhere.
    }
  }

  #prove(
    { schema, back, owner }: Place,
    { tenant, tables }: ProofTask,
    manner: Manner,
    signal: AbortSignal,
  ): Promise<Proof> {
    const { legacy, store, follower } = this.#wish;
    // Whoever owns them, the other side is level then.
    const settle = async () => {
      await follower.catchUp(signal);
      await back.drain(tenant, signal);
    };
    const wish = { legacy, schema, proof: store.proof, tenant, tables, signal, owner };
    return verifyTenant({ ...wish, ...(manner.kind === 'live' ? { settle } : { since: manner.since }) });
  }
}

const listApart = ({ apart }: Proof) => apart.map(({ table, column }) => `${table}.${column}`);

/** A database that is away says nothing of the rows. */
const isAboutRows = (error: unknown): error is Error =>
  error instanceof VerifyTrouble || (error instanceof ReturnTrouble && error.kind === 'misfit');
