import type { TenantId } from '../../vocabulary/index.ts';

export type DriftKind =
  | 'table_unknown'
  | 'table_twice'
  | 'source_taken'
  | 'column_unknown'
  | 'tenant_name'
  | 'schema_missing'
  | 'schema_shared'
  | 'schema_stray'
  | 'other_case'
  | 'half_migrated'
  | 'table_missing'
  | 'table_form'
  | 'not_readable'
  | 'rows_hidden'
  | 'no_replica_identity'
  | 'other_key'
  | 'other_unique'
  | 'other_reference'
  | 'other_rule'
  | 'trigger'
  | 'sequence_elsewhere'
  | 'sequence_not_owned'
  | 'column_missing'
  | 'column_extra'
  | 'column_left_out'
  | 'column_generated'
  | 'other_type'
  | 'other_nullability'
  | 'other_default'
  | 'other_order'
  | 'rows_unfit'
  | 'not_measured';

/**
 * Where a source is not what the mapping expects. `stops`: it is not understood, so that this tenant is not moved, or, without a tenant,
 * nobody's. `noted`: good to know, and carried over all the same. The sentence says what to do.
 */
export type DriftFinding = Readonly<{
  kind: DriftKind;
  weight: 'stops' | 'noted';
  tenant: Readonly<{ id: TenantId; name: string }> | undefined;
  schema: string;
  /** The table, or table.column; '' where it is about the whole schema. */
  place: string;
  /** What legacy calls it, where that is another name. */
  source?: string;
  sentence: string;
}>;

/** What is wrong with one table, wherever it lies. */
export type Flaw = Pick<DriftFinding, 'kind' | 'weight' | 'place' | 'sentence'>;

export const stop = (kind: DriftKind, place: string, sentence: string): Flaw =>
  Object.freeze({ kind, weight: 'stops', place, sentence });

export const note = (kind: DriftKind, place: string, sentence: string): Flaw =>
  Object.freeze({ kind, weight: 'noted', place, sentence });
