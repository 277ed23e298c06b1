import type { CatalogReference, CatalogTable } from './catalog.ts';
import { judgeColumns } from './column-flaws.ts';
import { type Flaw, note, stop } from './finding.ts';

/** What a source table is compared with. */
export type Expected = Readonly<{
  /** The store's table of that name. */
  target: CatalogTable;
  /** The columns' names in the order of most schemas, as one text. */
  usualOrder: string;
  /** Columns that are knowingly not carried over. */
  leftOut: ReadonlySet<string>;
}>;

export const TENANT_COLUMN = 'tenant_id';

/** All that keeps a table of legacy from being carried to the store and back, or that is worth a note. */
export function judgeTable(source: CatalogTable, expected: Expected): readonly Flaw[] {
  const form = judgeForm(source);
  if (form.length > 0) return form;
  const { target } = expected;
  return [
    ...judgeIdentity(source),
    ...judgeKeys(source, target),
    ...judgeReferences(source, target),
    ...judgeRules(source, target),
    ...judgeSequences(source),
    ...source.triggers.map((name) =>
      note(
        'trigger',
        source.name,
        `The trigger ${name} also fires for rows that are carried back. Let it pass them by, or drop it.`,
      ),
    ),
    ...judgeColumns(source, expected),
  ];
}

const FORMS: Readonly<Record<Exclude<CatalogTable['form'], 'plain'>, string>> = {
  partitioned:
    'It is partitioned, so that its changes come under the names of its partitions. Leave this tenant on legacy, or make it one table.',
  inherited:
    'It inherits from another table or is inherited from, so that rows show in two places. End that: ALTER TABLE … NO INHERIT.',
  unlogged:
    'It is unlogged, so that its changes are not in the log and a crash empties it. ALTER TABLE … SET LOGGED.',
  no_table: 'It is a view or a foreign table. Rows can only be carried from a table.',
};

function judgeForm({ name, form, isReadable, hidesRows }: CatalogTable): readonly Flaw[] {
  return [
    ...(form === 'plain' ? [] : [stop('table_form', name, FORMS[form])]),
    ...(isReadable
      ? []
      : [
          stop(
            'not_readable',
            name,
            'The role of LEGACY_DATABASE_URL may not read it. GRANT USAGE ON SCHEMA …, SELECT ON TABLE …',
          ),
        ]),
    ...(hidesRows
      ? [
          stop(
            'rows_hidden',
            name,
            'Row-level security is on, so that rows may be hidden from whoever copies them. Disable it, or let the role bypass it.',
          ),
        ]
      : []),
  ];
}

function judgeIdentity({ name, replicaIdentity, keys }: CatalogTable): readonly Flaw[] {
  const primary = keys.find(({ isPrimary }) => isPrimary);
  const index = keys.find(({ isIdentity }) => isIdentity);
  const isTold =
    replicaIdentity === 'f' ||
    (replicaIdentity === 'd' && primary !== undefined) ||
    (replicaIdentity === 'i' && primary?.columns.every((column) => index?.columns.includes(column)));
  const sentence =
    'The log does not say which row an UPDATE or DELETE was about. ALTER TABLE … REPLICA IDENTITY DEFAULT, with a primary key.';
  return isTold ? [] : [stop('no_replica_identity', name, sentence)];
}

const printKey = (columns: readonly string[], special: string): string =>
  `(${columns.filter((column) => column !== TENANT_COLUMN).join(', ')})${special && ` ${special}`}`;

function judgeKeys(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  const [own, wished] = [source, target].map(({ keys }) => {
    const primary = keys.find(({ isPrimary }) => isPrimary);
    const unique = keys.filter(({ isPrimary }) => !isPrimary);
    return {
      primary: primary ? printKey(primary.columns.toSorted(), '') : 'none',
      unique: new Set(unique.map(({ columns, special }) => printKey(columns.toSorted(), special))),
    };
  });
  if (own === undefined || wished === undefined) return [];
  const { name } = source;
  const other = `Its primary key is ${own.primary}, and the store's without the tenant ${wished.primary}. Give it that key.`;
  return [
    ...(own.primary === wished.primary ? [] : [stop('other_key', name, other)]),
    ...[...wished.unique]
      .filter((key) => !own.unique.has(key))
      .map((key) =>
        stop(
          'other_unique',
          name,
          `It has no unique key ${key}, and the store has: rows may be there twice. Give it that key, once they are not.`,
        ),
      ),
    ...[...own.unique]
      .filter((key) => !wished.unique.has(key))
      .map((key) =>
        stop(
          'other_unique',
          name,
          `It has a unique key ${key}, and the store has not: legacy would refuse rows that are carried back. Give the store that key, with the tenant.`,
        ),
      ),
  ];
}

function judgeReferences(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  const { name, schema } = source;
  const strays = source.references.filter((one) => one.schema !== schema);
  const own = new Map(
    source.references.filter((one) => one.schema === schema).map((one) => [print(one), one]),
  );
  const wished = new Map(target.references.filter(reachesRows).map((one) => [print(one), one]));
  return [
    ...strays.map((one) =>
      stop(
        'other_reference',
        name,
        `(${one.columns.join(', ')}) refers to ${one.schema}.${one.table}, outside of the tenant's schema. What it refers to is not carried over: point it to the schema's own table.`,
      ),
    ),
    ...[...wished.keys()]
      .filter((one) => !own.has(one))
      .map((one) =>
        stop(
          'other_reference',
          name,
          `It has no foreign key ${one}, and the store has: rows may refer to nothing. Give it that key, once they do not.`,
        ),
      ),
    ...[...own.keys()]
      .filter((one) => !wished.has(one))
      .map((one) =>
        stop(
          'other_reference',
          name,
          `It has a foreign key ${one}, and the store has not: legacy would refuse rows that are carried back. Give the store that key, with the tenant.`,
        ),
      ),
    ...[...own]
      .filter(([key, one]) => wished.has(key) && wished.get(key)?.onDelete !== one.onDelete)
      .map(([key]) =>
        note(
          'other_reference',
          name,
          `When a row goes, ${key} does not do on both sides the same with those that refer to it. Let ON DELETE say the same.`,
        ),
      ),
  ];
}

const own = (columns: readonly string[]) => columns.filter((column) => column !== TENANT_COLUMN);
// Every tenant's table hangs on the registry by the tenant alone; legacy has nothing of that kind.
const reachesRows = ({ columns }: CatalogReference): boolean => own(columns).length > 0;
const print = ({ columns, table, targets }: CatalogReference): string =>
  `(${own(columns).join(', ')}) → ${table} (${own(targets).join(', ')})`;

function judgeRules(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  const { name } = source;
  const missing = target.rules.filter((rule) => !source.rules.includes(rule));
  const extra = source.rules.filter((rule) => !target.rules.includes(rule));
  return [
    ...missing.map((rule) =>
      stop(
        'other_rule',
        name,
        `It has no CHECK ${rule}, and the store has: rows may not fit. Give it that rule.`,
      ),
    ),
    ...extra.map((rule) =>
      stop(
        'other_rule',
        name,
        `It has a CHECK ${rule}, and the store has not: legacy would refuse rows that are carried back. Give the store that rule.`,
      ),
    ),
  ];
}

function judgeSequences({ name, schema, sequences }: CatalogTable): readonly Flaw[] {
  return sequences.flatMap((sequence) => {
    const place = `${name}.${sequence.column}`;
    if (sequence.schema !== schema)
      return [
        stop(
          'sequence_elsewhere',
          place,
          `Its ids come from ${sequence.schema}.${sequence.name}, outside of the tenant's schema: it cannot be moved on for one tenant alone. Give the column a sequence of its own.`,
        ),
      ];
    if (sequence.isOwned) return [];
    return [
      stop(
        'sequence_not_owned',
        place,
        `The sequence ${sequence.name} is not owned by the column, so that nobody finds it to move it on. ALTER SEQUENCE … OWNED BY …`,
      ),
    ];
  });
}
