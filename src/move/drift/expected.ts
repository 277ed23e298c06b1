import type { CatalogTable } from './catalog.ts';

/** The store's own column in every table, which legacy has not. */
export const TENANT_COLUMN = 'tenant_id';

/** What a source table is compared with. */
export type Expected = Readonly<{
  /** The store's table of that name. */
  target: CatalogTable;
  /** The columns' names in the order of most schemas, as one text. */
  usualOrder: string;
  /** Columns that are knowingly not carried over. */
  leftOut: ReadonlySet<string>;
}>;
