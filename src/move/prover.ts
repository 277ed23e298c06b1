import type pg from 'pg';
import type { MoverBook, ProofStore } from '../store/index.ts';
import type { Emit, Mapping, ProofRecord, RowFollower, Side } from '../vocabulary/index.ts';
import type { HandOverTask, Manner, Verified } from './hand-over.ts';
import { findSchema } from './legacy-side.ts';
import { type Returning, ReturnTrouble } from './return/index.ts';
import { describeProof, type Proof, VerifyTrouble, verifyTenant } from './verify/index.ts';

export type ProverWish = Readonly<{
  legacy: pg.Pool;
  store: Readonly<{ proof: ProofStore; mover: Pick<MoverBook, 'noteProof' | 'apart'> }>;
  mapping: () => Mapping;
  /** As in VerifyWish. */
  pausesMs?: readonly number[];
  follower: Pick<RowFollower, 'catchUp'>;
  emit: Emit;
}>;

/** Where a tenant's rows are. */
export type Place = Readonly<{ schema: string; back: Pick<Returning, 'drain'>; owner: Side }>;

const PROVE_MS = 10 * 60_000;

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

  /** A look in the background. Rows that do not follow are not compared: a hand-over refuses them by itself. */
  async prove(
    task: ProofTask & Pick<Place, 'owner'>,
    back: Place['back'],
    called: AbortSignal,
  ): Promise<void> {
    const { legacy, store } = this.#wish;
    const { tenant, feature, tables, owner } = task;
    const schema = await findSchema(legacy, tenant);
    const apart = await store.mover.apart(tenant, tables);
    if (schema === undefined || apart === 'not_followed') return;
    const fail = (detail: string) => this.note({ tenant, feature, state: 'failed', rows: undefined, detail });
    if (apart.length > 0) return fail(`The rows of ${apart.join(', ')} are apart from legacy's.`);
    const late = AbortSignal.timeout(PROVE_MS);
    try {
      const signal = AbortSignal.any([called, late]);
      await this.verify({ schema, back, owner }, task, { kind: 'live' }, signal);
    } catch (error) {
      if (late.aborted && !called.aborted)
        await fail(`It was not proven within ${PROVE_MS / 60_000} minutes.`);
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
    const { legacy, store, follower, mapping, pausesMs } = this.#wish;
    // Whoever owns them, the other side is level then.
    const settle = async () => {
      await follower.catchUp(signal);
      await back.drain(tenant, signal);
    };
    const wish = {
      legacy,
      schema,
      mapping: mapping(),
      proof: store.proof,
      tenant,
      tables,
      signal,
      owner,
      pausesMs,
    };
    return verifyTenant({ ...wish, ...(manner.kind === 'live' ? { settle } : { since: manner.since }) });
  }
}

const listApart = ({ apart }: Proof) => apart.map(({ table, column }) => `${table}.${column}`);

/** A database that is away says nothing of the rows. */
const isAboutRows = (error: unknown): error is Error =>
  error instanceof VerifyTrouble || (error instanceof ReturnTrouble && error.kind === 'misfit');
